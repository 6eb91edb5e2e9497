// The lead's phone: bubbles, buttons, lists, product cards, payment links, ticks.

import { clock, make, price, t } from './words.js';

const $ = (id) => document.getElementById(id);
const TICKS = { enqueued: '🕓', sent: '✓', delivered: '✓✓', read: '✓✓', failed: '!' };

/** @param act (action, body) => promise: does something on the phone and refreshes the chat. */
export function createChat(act) {
  const log = $('messages');
  const carts = new Map();
  let shown = [];

  /** Shows the chat; only what is new is added, so focus and open carts stay. */
  function render(messages) {
    const same = shown.length > 0 && shown.every((one, index) => one.wamid === messages[index]?.wamid);
    if (!same) { log.replaceChildren(); shown = []; carts.clear(); }
    const near = log.scrollHeight - log.scrollTop - log.clientHeight < 120;
    const fresh = messages.slice(shown.length);
    if (messages.length === 0) log.append(make('p', { class: 'empty', text: t('chatEmpty') }));
    for (const message of fresh) log.append(bubble(message));
    for (const message of messages) update(message, messages);
    shown = messages;
    if (fresh.length && (near || !same)) log.scrollTop = log.scrollHeight;
  }

  function bubble(message) {
    const own = message.from === 'person';
    const inner = make('div', { class: 'bubble' },
      message.ad && make('p', { class: 'from-ad', text: `${t('fromAd')} · ${message.ad.headline}` }),
      message.header && make('strong', { text: message.header }),
      message.media && make('a', { href: message.media, target: '_blank', rel: 'noopener', text: message.media }),
      message.body && make('p', { class: 'body', text: message.body }),
      message.footer && make('p', { class: 'footer', text: message.footer }),
      make('span', { class: 'meta' },
        make('time', { text: clock(new Date(message.at * 1000)) }),
        !own && make('span', { class: 'ticks' })));
    return make('article', { class: own ? 'own' : 'theirs', 'data-wamid': message.wamid }, inner, actions(message));
  }

  function actions(message) {
    if (message.from === 'person') return null;
    const box = make('div', { class: 'actions' });
    for (const button of message.buttons ?? []) {
      box.append(make('button', {
        type: 'button', 'data-option': button.id, text: button.title,
        on: () => act('tap', { wamid: message.wamid, id: button.id }),
      }));
    }
    if (message.rows) {
      box.append(make('button', { type: 'button', class: 'open-list', text: message.list_button, on: () => list(message) }));
    }
    if (message.products) box.append(...cards(message));
    if (message.link) {
      box.append(make('a', {
        class: 'link', href: message.link.url, target: '_blank', rel: 'noopener',
        title: t('pay'), text: message.link.title,
      }));
    }
    return box.childElementCount ? box : null;
  }

  function list(message) {
    $('sheet-title').textContent = message.header || message.body;
    $('sheet-rows').replaceChildren(...message.rows.map((row) => make('button', {
      type: 'button',
      on: () => { $('sheet').close(); act('tap', { wamid: message.wamid, id: row.id }); },
    }, make('span', { text: row.title }), row.description && make('small', { text: row.description }))));
    $('sheet').showModal();
  }

  function cards(message) {
    const cart = carts.get(message.wamid) ?? new Map();
    carts.set(message.wamid, cart);
    const send = make('button', {
      type: 'button', class: 'send-cart',
      on: () => {
        const products = [...cart].map(([retailer_id, quantity]) => ({ retailer_id, quantity }));
        cart.clear();
        for (const draw of draws) draw();
        act('order', { wamid: message.wamid, products });
      },
    });
    const draws = [];
    const nodes = message.products.map((product) => {
      const holder = make('div', { class: 'quantity' });
      const change = (step) => {
        const count = Math.max(0, (cart.get(product.retailer_id) ?? 0) + step);
        if (count) cart.set(product.retailer_id, count); else cart.delete(product.retailer_id);
        for (const draw of draws) draw();
        holder.querySelector('button:last-of-type').focus();
      };
      draws.push(() => {
        const count = cart.get(product.retailer_id);
        const label = (key) => `${t(key)}: ${product.name}`;
        holder.replaceChildren(...(count
          ? [make('button', { type: 'button', 'aria-label': label('less'), text: '−', on: () => change(-1) }),
            make('output', { text: String(count) }),
            make('button', { type: 'button', 'aria-label': label('more'), text: '+', on: () => change(1) })]
          : [make('button', { type: 'button', 'aria-label': label('add'), text: t('add'), on: () => change(1) })]));
      });
      return make('div', { class: 'product' },
        make('span', { class: 'product-name', text: product.name }),
        make('span', { class: 'product-price', text: price(product.price, product.currency) }), holder);
    });
    draws.push(() => {
      const total = [...cart.values()].reduce((sum, count) => sum + count, 0);
      send.hidden = total === 0;
      send.textContent = `${t('sendCart')} (${total})`;
    });
    for (const draw of draws) draw();
    return [...nodes, send];
  }

  function update(message, all) {
    const node = log.querySelector(`[data-wamid="${CSS.escape(message.wamid)}"]`);
    const last = message.statuses?.at(-1)?.status;
    const ticks = node?.querySelector('.ticks');
    if (ticks && ticks.dataset.status !== last && last) {
      ticks.dataset.status = last;
      ticks.textContent = TICKS[last] ?? '';
      ticks.title = t('statusOf') + t(last);
      ticks.setAttribute('role', 'img');
      ticks.setAttribute('aria-label', ticks.title);
    }
    const chosen = all.findLast((one) => one.answers === message.wamid)?.option;
    for (const button of node?.querySelectorAll('[data-option]') ?? []) {
      button.classList.toggle('chosen', button.dataset.option === chosen);
      button.setAttribute('aria-pressed', String(button.dataset.option === chosen));
    }
  }

  /** Draws all anew, e.g. for another language. */
  const redraw = () => { const all = shown; shown = []; render(all); };
  /** Scrolls to the newest message. */
  const showLast = () => { log.scrollTop = log.scrollHeight; };
  return { render, redraw, showLast };
}
