/** Small helpers for building the page's elements. Text is always set as text, never as markup. */

/** @returns {HTMLElement} the element with this id, which the page has */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * An element with properties set and children appended.
 * @param {string} tag
 * @param {Record<string, unknown>} [properties] DOM properties; names with a dash are attributes
 * @param {...(Node | string | null)} children
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-') || name === 'role' || name === 'for') made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Says a sentence to screen readers, once what is being read has ended. */
export function announce(sentence) {
  byId('announcement').textContent = sentence;
}

/** A probability from 0 to 1 as people read it; never 0 % or 100 %, which no model can know. */
export function percent(probability) {
  const value = probability * 100;
  if (value < 0.1) return '< 0.1 %';
  if (value > 99.9) return '> 99.9 %';
  return `${value.toFixed(1)} %`;
}

/** Hands a file to the browser's downloads. */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = element('a', { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
