// The lead's ledger: facts, decisions with reasons, deliveries with proofs, in time order.

import { clock, make, money, t } from './words.js';

const $ = (id) => document.getElementById(id);
const KINDS = ['all', 'fact', 'decision', 'delivery'];
const GOOD = /^(done|sent|delivered|read|confirmed|accepted|succeeded|paid|ok|valid)$/i;
const BAD = /^(dead|failed|unknown|rejected|refused|noise|error)$/i;

export function createLedger() {
  let rows = null;
  let state = 'loading';
  let detail = '';
  let kind = 'all';
  let keys = [];

  /** Takes one answer of GET /ledger/{wa_id}; null means that the sandbox itself is gone. */
  function take(answer) {
    state = answer?.state ?? 'unreachable';
    detail = answer?.detail ?? '';
    if (state === 'ok') rows = answer.rows;
    else if (state !== 'unreachable') rows = null;
    draw();
  }

  /** Forgets the lead, e.g. for a new one. */
  function clear() { rows = null; state = 'loading'; keys = []; $('rows').replaceChildren(); draw(); }

  function draw() {
    const some = (rows ?? []).filter((row) => kind === 'all' || row.kind === kind);
    drawKinds();
    drawRows(some);
    const stale = state === 'unreachable' && Boolean(rows?.length);
    $('stale').hidden = !stale;
    if (stale && $('stale').textContent !== t('stale')) $('stale').textContent = t('stale');
    $('ledger-state').replaceChildren(...(some.length ? [] : emptiness()));
  }

  function emptiness() {
    if (state === 'loading') {
      const bars = Array.from({ length: 4 }, () => make('div', { class: 'skeleton' }));
      return [make('p', { class: 'hidden', role: 'status', text: t('loading') }), ...bars];
    }
    const title = { no_lead: 'noLead', unconfigured: 'unconfigured', unreachable: 'unreachable' }[state];
    if (!title) return [make('h3', { text: rows?.length ? t('noRows') : t('noLead') })];
    return [make('h3', { text: t(title) }), make('p', { text: t(`${title}More`) }),
      detail && make('p', { class: 'soft small', text: detail })].filter(Boolean);
  }

  function drawKinds() {
    const box = $('kinds');
    if (!box.childElementCount) {
      box.append(...KINDS.map((name) => make('button', {
        type: 'button', 'data-kind': name, on: () => { kind = name; draw(); },
      }, make('span'), make('b'))));
    }
    for (const button of box.children) {
      const name = button.dataset.kind;
      button.setAttribute('aria-pressed', String(name === kind));
      button.firstChild.textContent = t(name);
      button.lastChild.textContent = rows ? rows.filter((row) => name === 'all' || row.kind === name).length : '';
    }
  }

  function drawRows(some) {
    const next = some.map((row) => JSON.stringify(row));
    if (next.length === keys.length && next.every((key, index) => key === keys[index])) return;
    const list = $('rows');
    const near = list.scrollHeight - list.scrollTop - list.clientHeight < 160;
    const first = keys.length === 0;
    // rows that did not change keep their node, so an opened proof stays open
    const old = new Map(keys.map((key, index) => [key, list.children[index]]));
    list.replaceChildren(...some.map((row, index) => {
      const kept = old.get(next[index]);
      old.delete(next[index]);
      return kept ?? entry(row, !first);
    }));
    keys = next;
    if (near || first) list.scrollTop = list.scrollHeight;
  }

  function entry(row, fresh) {
    const at = new Date(row.at);
    const tone = GOOD.test(row.state) ? 'good' : BAD.test(row.state) ? 'bad' : 'plain';
    const proof = Object.entries(row.proof ?? {});
    return make('li', { class: `row ${row.kind}${fresh ? ' fresh' : ''}` },
      make('div', { class: 'when' },
        make('time', { datetime: row.at, title: at.toLocaleString(document.documentElement.lang), text: clock(at, true) }),
        make('span', { class: 'kind', text: t(`kind_${row.kind}`) })),
      make('div', { class: 'what' },
        make('p', { class: 'row-title' },
          make('span', { text: row.title }),
          row.amountMinor != null && row.currency
            ? make('span', { class: 'amount', text: money(row.amountMinor, row.currency.toUpperCase()) }) : null),
        row.reason ? make('p', { class: 'reason', text: row.reason }) : null,
        proof.length ? make('details', {}, make('summary', { text: t('proof') }),
          make('dl', {}, ...proof.flatMap(([name, value]) => [
            make('dt', { text: name }),
            make('dd', { text: typeof value === 'object' ? JSON.stringify(value) : String(value) })]))) : null),
      make('div', { class: 'tags' },
        row.platform ? make('span', { class: 'platform', text: row.platform }) : null,
        row.state ? make('span', { class: `badge ${tone}`, text: row.state }) : null));
  }

  /** Draws all anew, e.g. for another language. */
  const redraw = () => { keys = []; $('rows').replaceChildren(); draw(); };
  return { take, clear, redraw };
}
