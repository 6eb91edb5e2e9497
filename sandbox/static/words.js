// The page's words in English and Russian, and formats that follow the language.

const WORDS = {
  en: {
    title: 'From ad to payment', lead: 'Lead', newLead: 'New lead', language: 'Language', panels: 'Panels',
    tabAd: 'Ad', tabChat: 'Chat', tabLedger: 'Ledger', adTitle: 'The ad', chatTitle: 'The lead’s phone',
    ledgerTitle: 'The lead’s ledger', message: 'Message', send: 'Send', close: 'Close', show: 'Show',
    sponsored: 'Sponsored', cta: 'Send message on WhatsApp', preTyped: 'WhatsApp opens with:',
    noAds: 'This account has no ads. Add one to the sandbox’s accounts file.',
    become: 'Become a tenant', becomeMore: 'Bring your own Page: sign in as somebody of this sandbox’s Facebook, and go the way from there.',
    keys: 'Keys to enter there', keyKommo: 'Kommo, address', keyToken: 'Kommo, long-lived token', keyStripe: 'Stripe, restricted key',
    chatEmpty: 'No messages yet. Tap the ad, or write first.',
    sandboxGone: 'The sandbox does not answer. Is it still running? Trying again every second.',
    refused: 'That did not go out: ', fromAd: 'From the ad', answered: 'Your answer',
    add: 'Add to cart', less: 'One less', more: 'One more', sendCart: 'Send cart', pay: 'Opens the payment page',
    sent: 'sent', delivered: 'delivered', read: 'read', enqueued: 'accepted', failed: 'failed',
    statusOf: 'Status told to the business: ',
    all: 'All', fact: 'Facts', decision: 'Decisions', delivery: 'Deliveries',
    kind_fact: 'fact', kind_decision: 'decision', kind_delivery: 'delivery', proof: 'Proof',
    loading: 'Asking Arriwa…',
    noLead: 'No lead yet', noLeadMore: 'Tap the ad. Each fact, each decision with its reason and each delivery with its proof will appear here.',
    noRows: 'Nothing of this kind yet',
    unconfigured: 'No product connected', unconfiguredMore: 'Start the sandbox with --product-url and --product-token to see the ledger.',
    unreachable: 'Arriwa does not answer', unreachableMore: 'The page asks again every second.',
    stale: 'Arriwa does not answer right now. What you see is the last known state.',
  },
  ru: {
    title: 'От рекламы до оплаты', lead: 'Лид', newLead: 'Новый лид', language: 'Язык', panels: 'Разделы',
    tabAd: 'Реклама', tabChat: 'Чат', tabLedger: 'Журнал', adTitle: 'Реклама', chatTitle: 'Телефон лида',
    ledgerTitle: 'Журнал лида', message: 'Сообщение', send: 'Отправить', close: 'Закрыть', show: 'Показать',
    sponsored: 'Реклама', cta: 'Написать в WhatsApp', preTyped: 'WhatsApp откроется с текстом:',
    noAds: 'У этого аккаунта нет рекламы. Добавьте её в файл аккаунтов песочницы.',
    become: 'Подключить свою компанию', becomeMore: 'Приведите свою Страницу: войдите как один из людей Facebook этой песочницы и пройдите путь оттуда.',
    keys: 'Ключи, которые там понадобятся', keyKommo: 'Kommo, адрес', keyToken: 'Kommo, долгосрочный токен', keyStripe: 'Stripe, ограниченный ключ',
    chatEmpty: 'Сообщений пока нет. Нажмите на рекламу или напишите первым.',
    sandboxGone: 'Песочница не отвечает. Она ещё запущена? Повторяем каждую секунду.',
    refused: 'Не отправлено: ', fromAd: 'Из рекламы', answered: 'Ваш ответ',
    add: 'В корзину', less: 'Меньше', more: 'Больше', sendCart: 'Отправить корзину', pay: 'Откроется страница оплаты',
    sent: 'отправлено', delivered: 'доставлено', read: 'прочитано', enqueued: 'принято', failed: 'не доставлено',
    statusOf: 'Статус для бизнеса: ',
    all: 'Все', fact: 'Факты', decision: 'Решения', delivery: 'Доставки',
    kind_fact: 'факт', kind_decision: 'решение', kind_delivery: 'доставка', proof: 'Подтверждение',
    loading: 'Спрашиваем Arriwa…',
    noLead: 'Лида пока нет', noLeadMore: 'Нажмите на рекламу. Здесь появятся все факты, решения с причинами и доставки с подтверждениями.',
    noRows: 'Такого пока нет',
    unconfigured: 'Продукт не подключён', unconfiguredMore: 'Запустите песочницу с --product-url и --product-token, чтобы увидеть журнал.',
    unreachable: 'Arriwa не отвечает', unreachableMore: 'Страница спрашивает снова каждую секунду.',
    stale: 'Arriwa сейчас не отвечает. Показано последнее известное состояние.',
  },
};

/** Reads a stored value; null where storage is off. */
export function stored(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

/** Stores a value where the browser lets us; the page works without. */
export function store(name, value) {
  try { localStorage.setItem(name, value); } catch { /* private mode: not remembered, nothing else lost */ }
}

let language = stored('sandbox-language') ?? (navigator.language.startsWith('ru') ? 'ru' : 'en');

export const t = (key) => WORDS[language][key] ?? key;
export const clock = (date, seconds = false) => date.toLocaleTimeString(language, {
  hour: '2-digit', minute: '2-digit', hourCycle: 'h23', ...(seconds && { second: '2-digit' }),
});

/** An amount in minor units, e.g. (90000, 'USD') → $900.00. */
export function money(minor, currency) {
  const format = new Intl.NumberFormat(language, { style: 'currency', currency });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** A catalog price given as text in major units. */
export function price(text, currency) {
  return new Intl.NumberFormat(language, { style: 'currency', currency }).format(Number(text));
}

/** Puts the words on everything that names one; `next` switches the language first. */
export function speak(next) {
  if (next) { language = next; store('sandbox-language', next); }
  document.documentElement.lang = language;
  document.title = `${t('title')} · Arriwa`;
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll('[data-label]')) node.setAttribute('aria-label', t(node.dataset.label));
  for (const node of document.querySelectorAll('[data-placeholder]')) node.placeholder = t(node.dataset.placeholder);
  for (const node of document.querySelectorAll('[data-language]')) {
    node.setAttribute('aria-pressed', String(node.dataset.language === language));
  }
}

/** A small element maker: text is always text, never markup. */
export function make(tag, { text, on, ...attributes } = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  if (on) node.addEventListener('click', on);
  node.append(...children.filter(Boolean));
  return node;
}
