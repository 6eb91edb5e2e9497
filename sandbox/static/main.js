// Puts the page together: the ad, the phone, the ledger; asks the sandbox once a second.

import { createChat } from './chat.js';
import { createLedger } from './ledger.js';
import { make, speak, store, stored, t } from './words.js';

const $ = (id) => document.getElementById(id);
const wanted = new URLSearchParams(location.search);
const accountName = wanted.get('account') ?? 'demo';
const newNumber = () => `7701${String(Math.floor(Math.random() * 1e7)).padStart(7, '0')}`;
let lead = wanted.get('lead') ?? stored('sandbox-lead') ?? newNumber();
let account = null;
const chat = createChat(act);
const ledger = createLedger();

async function ask(path, body) {
  const options = body && { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
  const answer = await fetch(path, options);
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.error ?? `HTTP ${answer.status}`);
  return data;
}

function notice(text) {
  $('notice').hidden = !text;
  if ($('notice').textContent !== text) $('notice').textContent = text;
}

/** Does one thing on the lead's phone and shows what came of it. */
async function act(action, body) {
  try {
    await ask(`/phone/${lead}/${action}`, { account: accountName, ...body });
    notice('');
    await refreshChat();
    return true;
  } catch (error) {
    notice(error instanceof TypeError ? t('sandboxGone') : t('refused') + error.message);
    return false;
  }
}

async function refreshChat() {
  const asked = lead;
  const answer = await ask(`/phone/${asked}/chat?number=${account.number}`);
  if (asked === lead) chat.render(answer.messages);
}

async function refreshLedger() {
  const asked = lead;
  const answer = await ask(`/ledger/${asked}`);
  if (asked === lead) ledger.take(answer);
}

/** Repeats a look a second after it ended; trouble is shown by `trouble`, its end by `fine`. */
async function every(look, fine, trouble) {
  try { await look(); fine(); } catch { trouble(); }
  setTimeout(every, 1000, look, fine, trouble);
}

function go(panel) {
  document.body.dataset.panel = panel;
  for (const tab of document.querySelectorAll('[data-go]')) {
    tab.setAttribute('aria-current', String(tab.dataset.go === panel));
  }
  if (panel === 'chat') chat.showLast();
}

function adCard(ad) {
  const picture = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  picture.setAttribute('viewBox', '0 0 320 168');
  picture.setAttribute('aria-hidden', 'true');
  picture.innerHTML = '<rect width="320" height="168" class="sky"/><rect x="34" y="30" width="150" height="40" rx="14" class="a"/>'
    + '<rect x="136" y="82" width="150" height="40" rx="14" class="b"/><circle cx="58" cy="102" r="18" class="c"/>'
    + '<path d="M50 50h92M50 58h60M152 102h108" class="line"/>';
  return make('article', { class: 'ad-card' },
    make('div', { class: 'ad-top' }, make('strong', { text: account.business }),
      make('span', { class: 'soft small', text: t('sponsored') })),
    make('p', { class: 'ad-body', text: ad.body }), picture,
    make('h3', { text: ad.headline }),
    make('button', {
      type: 'button', class: 'primary', text: t('cta'),
      on: async () => { if (await act('tap-ad', { ad_id: ad.id })) go('chat'); },
    }),
    ad.pre_typed ? make('p', { class: 'soft small' }, `${t('preTyped')} `, make('q', { text: ad.pre_typed })) : null);
}

function drawAds() {
  const cards = account.ads.map(adCard);
  $('ads').replaceChildren(...(cards.length ? cards : [make('p', { class: 'soft', text: t('noAds') })]));
}

function drawLead() {
  store('sandbox-lead', lead);
  $('lead-number').textContent = `+${lead}`;
  $('business').textContent = account.business;
  $('business-number').textContent = `+${account.number}`;
}

async function start() {
  speak();
  go('ad');
  ledger.clear();
  const { accounts, product } = await ask('/demo/accounts');
  $('tenant').hidden = !product;
  $('become').href = product ? `${product}/` : '';
  account = accounts.find((one) => one.account === accountName) ?? accounts[0];
  drawAds();
  drawLead();
  let gone = false;
  every(refreshChat,
    () => { if (gone) notice(''); gone = false; },
    () => { gone = true; notice(t('sandboxGone')); });
  every(refreshLedger, () => {}, () => ledger.take(null));
}

$('composer').addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = $('text').value.trim();
  if (text && await act('send', { text })) $('text').value = '';
});
$('new-lead').addEventListener('click', () => {
  lead = newNumber();
  drawLead();
  ledger.clear();
  chat.render([]);
  go('ad');
});
$('keys').addEventListener('click', async () => {
  const { kommo, stripe } = await ask('/demo/keys', {});
  const rows = { keyKommo: `${kommo.subdomain}.kommo.com`, keyToken: kommo.token, keyStripe: stripe.key };
  $('keys-made').replaceChildren(...Object.entries(rows).flatMap(
    ([word, value]) => [make('dt', { class: 'soft', 'data-t': word, text: t(word) }), make('dd', { text: value })],
  ));
});
for (const tab of document.querySelectorAll('[data-go]')) tab.addEventListener('click', () => go(tab.dataset.go));
for (const button of document.querySelectorAll('[data-language]')) {
  button.addEventListener('click', () => {
    speak(button.dataset.language);
    if (account) drawAds();
    chat.redraw();
    ledger.redraw();
  });
}
start().catch(() => notice(t('sandboxGone')));
