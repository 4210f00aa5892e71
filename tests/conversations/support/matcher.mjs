// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a conversation expects, against what came. See README.md for the language.
//
// A value that was remembered is compared as it is: were it put into the expectation first, a peer could
// send "<any>" and have it stand for everything afterwards.

/** Of a conversation that is written wrongly, as opposed to a server that answers wrongly. */
export class BadConversation extends Error {}

/** Why a value is not the expected one, and where in it. */
export class Mismatch extends Error {
  constructor(path, why) {
    super(`${path === '' ? '' : `at ${path.replace(/^\./, '')}: `}${why}`);
  }
}

const kToken = /^<(\.*[a-z][a-z0-9]*)(?: ([^]*))?>(?:@([A-Za-z_]\w*))?$/;
const kVariable = /^\$([A-Za-z_]\w*)$/;
const kInside = /\$\{([A-Za-z_]\w*)\}/g;
const kOthersAllowed = '...';
const kNearMs = 10 * 60_000;
const kRelativeError = 1e-9;
const kDecimal = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

export const typeOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);
const short = (value) => {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length})` : text;
};
const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

function isNear(value, text) {
  const wanted = Number(text);
  if (text === undefined || !kDecimal.test(text)) throw new BadConversation(`<num ${text}>: a number is missing`);
  if (typeof value === 'string' ? !kDecimal.test(value) : typeof value !== 'number') return false;
  const got = Number(value);
  return Math.abs(got - wanted) <= kRelativeError * Math.max(Math.abs(got), Math.abs(wanted));
}

const kPlainTokens = {
  any: (value) => value !== undefined,
  absent: (value) => value === undefined,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  int: (value) => Number.isInteger(value),
  bool: (value) => typeof value === 'boolean',
  object: (value) => typeOf(value) === 'object',
  array: (value) => Array.isArray(value),
  uuid: (value) => typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value),
  hex64: (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
  ms: (value) => Number.isInteger(value) && Math.abs(value - Date.now()) <= kNearMs,
};

/** The values a conversation remembers, by name. */
export class Memory {
  #values;

  constructor(values = new Map()) { this.#values = new Map(values); }

  copy() { return new Memory(this.#values); }
  take(other) { this.#values = new Map(other.#values); }
  set(name, value) { this.#values.set(name, value); }
  get(name) {
    if (!this.#values.has(name)) throw new BadConversation(`$${name} has not been remembered`);
    return this.#values.get(name);
  }

  /** `value` with every variable in it replaced: what is sent. */
  fill(value) {
    if (typeof value === 'string') {
      const [, name] = kVariable.exec(value) ?? [];
      return name === undefined ? this.fillInside(value) : this.get(name);
    }
    if (Array.isArray(value)) return value.map((one) => this.fill(one));
    if (typeOf(value) !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.fill(one)]));
  }

  fillInside(text, change = (inside) => inside) {
    return text.replace(kInside, (_, name) => {
      const value = this.get(name);
      return change(typeof value === 'string' ? value : JSON.stringify(value));
    });
  }
}

function matchArgument(token, argument, value, memory, path) {
  if (argument === undefined) throw new BadConversation(`<${token}> says nothing of what`);
  if (typeof value !== 'string') throw new Mismatch(path, `a text is expected, not ${short(value)}`);
  if (token === 're') {
    const pattern = memory.fillInside(argument, escaped);
    if (new RegExp(`^(?:${pattern})$`, 'u').test(value)) return;
    throw new Mismatch(path, `${short(value)} is not wholly ${pattern}`);
  }
  if (token === 'contains') {
    if (value.includes(memory.fillInside(argument))) return;
    throw new Mismatch(path, `${short(value)} does not contain ${argument}`);
  }
  let parsed;
  try {
    parsed = JSON.parse(value);
  } catch {
    throw new Mismatch(path, `${short(value)} is not JSON`);
  }
  match(JSON.parse(argument), parsed, memory, `${path}(JSON)`);
}

function matchToken([, token, argument, name], value, memory, path) {
  if (Object.hasOwn(kPlainTokens, token) && argument === undefined) {
    if (!kPlainTokens[token](value)) throw new Mismatch(path, `<${token}> is expected, not ${short(value)}`);
  } else if (token === 'num') {
    if (!isNear(value, argument)) throw new Mismatch(path, `${argument} is expected, not ${short(value)}`);
  } else if (['re', 'contains', 'json'].includes(token)) {
    matchArgument(token, argument, value, memory, path);
  } else {
    throw new BadConversation(`<${token}${argument === undefined ? '' : ' …'}> is not a token`);
  }
  if (name !== undefined) memory.set(name, value);
}

/** A value that holds no tokens: the same type, the same contents. */
function matchPlain(expected, value, path) {
  if (typeOf(expected) !== typeOf(value)) throw new Mismatch(path, `${short(expected)} is expected, not ${short(value)}`);
  if (typeOf(expected) === 'object') {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(value)])) {
      matchPlain(own(expected, key), own(value, key), `${path}.${key}`);
    }
  } else if (Array.isArray(expected)) {
    if (expected.length !== value.length) throw new Mismatch(path, `${short(expected)} is expected, not ${short(value)}`);
    expected.forEach((one, i) => matchPlain(one, value[i], `${path}[${i}]`));
  } else if (!Object.is(expected, value) && expected !== value) {
    throw new Mismatch(path, `${short(expected)} is expected, not ${short(value)}`);
  }
}

function own(object, key) {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function matchObject(expected, value, memory, path) {
  if (typeOf(value) !== 'object') throw new Mismatch(path, `an object is expected, not ${short(value)}`);
  for (const [key, wanted] of Object.entries(expected)) {
    if (key !== kOthersAllowed) match(wanted, own(value, key), memory, `${path}.${key}`);
  }
  if (Object.hasOwn(expected, kOthersAllowed)) return;
  const others = Object.keys(value).filter((key) => !Object.hasOwn(expected, key));
  if (others.length > 0) throw new Mismatch(path, `nobody expects ${others.map((key) => `"${key}"`).join(', ')}`);
}

/** Throws Mismatch unless `value` (undefined: nothing) is as expected; remembers what has a name. */
export function match(expected, value, memory = new Memory(), path = '') {
  switch (typeOf(expected)) {
    case 'object': return matchObject(expected, value, memory, path);
    case 'array':
      if (!Array.isArray(value)) throw new Mismatch(path, `an array is expected, not ${short(value)}`);
      if (value.length !== expected.length) {
        throw new Mismatch(path, `${expected.length} elements are expected, not ${value.length}: ${short(value)}`);
      }
      return expected.forEach((one, i) => match(one, value[i], memory, `${path}[${i}]`));
    case 'string': {
      const token = kToken.exec(expected);
      if (token !== null) return matchToken(token, value, memory, path);
      return matchPlain(memory.fill(expected), value, path);
    }
    default: return matchPlain(expected, value, path);
  }
}

/** Throws Mismatch unless each value is as one of the expected is, one each. */
export function matchSet(expected, values, memory) {
  if (expected.length !== values.length) {
    throw new Mismatch('', `${expected.length} are expected, not ${values.length}: ${short(values)}`);
  }
  if (expected.length === 0) return;
  const [value, ...others] = values;
  let why;
  for (let i = 0; i < expected.length; i++) {
    const tried = memory.copy();
    try {
      match(expected[i], value, tried);
      matchSet(expected.filter((_, k) => k !== i), others, tried);
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      why ??= error;
      continue;
    }
    return memory.take(tried);
  }
  throw new Mismatch('', `${short(values)} are not the expected ones, in any order (${why.message})`);
}
