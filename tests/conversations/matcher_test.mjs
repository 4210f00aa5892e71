// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Each token takes what it should and, what matters more, refuses the rest.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { BadConversation, Memory, Mismatch, match, matchSet } from './support/matcher.mjs';

const takes = (expected, value, memory) => match(expected, value, memory);
const refuses = (expected, value, memory) =>
  assert.throws(() => match(expected, value, memory), Mismatch, `${JSON.stringify(expected)} takes ${JSON.stringify(value)}`);

const kUuid = '0c7f3a2e-9bd1-4e07-8F11-aabbccddeeff';
const kHex64 = '0123456789abcdef'.repeat(4);
const now = () => Date.now();

/** What each token takes and refuses; `undefined` is a missing key. */
const kTokens = {
  '<any>': [[0, null, '', false, {}, []], [undefined]],
  '<absent>': [[undefined], [null, 0, '', {}]],
  '<string>': [['', 'x'], [undefined, null, 1, {}, []]],
  '<number>': [[0, -1.5], [undefined, null, '1', true, {}]],
  '<int>': [[0, -3, 1e20], [undefined, null, 1.5, '1', true]],
  '<bool>': [[true, false], [undefined, null, 0, 'true']],
  '<object>': [[{}, { a: 1 }], [undefined, null, [], 'x', 1]],
  '<array>': [[[], [1]], [undefined, null, {}, '[]']],
  '<uuid>': [[kUuid], [undefined, 1, '', kUuid.slice(1), `${kUuid}0`, kUuid.replace('a', 'g'), kUuid.replaceAll('-', '')]],
  '<hex64>': [[kHex64], [undefined, 1, kHex64.slice(1), `${kHex64}0`, kHex64.toUpperCase(), kHex64.replace('0', 'g')]],
  '<ms>': [[now(), now() - 599_000, now() + 599_000], [undefined, null, now() - 601_000, now() + 601_000, now() / 1000, now() + 0.5, String(now())]],
  '<num 2.61>': [[2.61, '2.61', '2.610', 2.61 * (1 + 5e-10), '261e-2'], [undefined, null, true, 2.62, '2.62', 2.61 * (1 + 5e-9), '2.61 ', '', 'x', '02.61', '+2.61', [2.61]]],
  '<num 0>': [[0, '0', '-0', 0.0], [1e-12, '', ' ', null, false, []]],
  '<num -5>': [[-5, '-5'], [5, '5']],
  '<re a+>': [['a', 'aaa'], [undefined, 1, '', 'ab', 'ba', 'a\n', 'A']],
  '<re a|bc>': [['a', 'bc'], ['ac', 'abc']],
  '<re x>y>': [['x>y'], ['x']],
  '<contains b>': [['b', 'abc'], [undefined, 1, '', 'ac', 'B', ['b']]],
  '<json {"a":1}>': [['{"a":1}', ' { "a" : 1 } '], [undefined, { a: 1 }, '{"a":2}', '{"a":1,"b":2}', 'x', '']],
  '<json ["<int>"]>': [['[5]'], ['[5.5]', '[]', '5']],
};

describe('a token', () => {
  for (const [token, [taken, refused]] of Object.entries(kTokens)) {
    it(`${token} takes what it names and nothing else`, () => {
      for (const value of taken) takes(token, value);
      for (const value of refused) refuses(token, value);
    });
  }

  it('that does not exist, or lacks what it needs, is an error of the conversation', () => {
    for (const token of ['<strin>', '<re>', '<num>', '<num x>', '<json>', '<contains>', '<int 5>', '<any x>']) {
      assert.throws(() => match(token, 'x'), BadConversation, token);
    }
  });

  it('is the whole text: others are themselves', () => {
    takes('a <any>', 'a <any>');
    refuses('a <any>', 'a b');
    takes('<', '<');
    takes('<B>', '<B>');
    refuses('<B>', 'x');
  });
});

describe('a value without a token', () => {
  it('is exactly that, of the same type', () => {
    const values = [0, 1, -1, 1.5, true, false, null, '', '0', '1', 'true', 'null', {}, [], [0], { a: null }];
    values.forEach((expected, i) => values.forEach((value, k) => (i === k ? takes : refuses)(expected, value)));
    values.forEach((expected) => refuses(expected, undefined));
  });

  it('is, of an object, the same keys and no others', () => {
    takes({ a: 1, b: [] }, { b: [], a: 1 });
    refuses({ a: 1 }, {});
    refuses({ a: 1 }, { a: 1, b: undefined });
    refuses({ a: 1 }, { a: 1, b: 2 });
    refuses({ a: '<any>' }, {});
    refuses({}, { a: null });
    refuses({ a: 1 }, [1]);
    refuses({ constructor: '<any>' }, {});
    takes({ a: '<absent>' }, {});
    refuses({ a: '<absent>' }, { a: null });
    takes({ __proto__: null, a: 1 }, { a: 1 });
    refuses({}, JSON.parse('{"__proto__":1}'));
  });

  it('is, of an object with "...", at least these keys', () => {
    takes({ '...': 1, a: 1 }, { a: 1, b: 2 });
    takes({ '...': 1 }, {});
    refuses({ '...': 1, a: 1 }, { b: 2 });
    refuses({ '...': 1, a: 1 }, { a: 2 });
    refuses({ '...': 1 }, []);
    refuses({ '...': 1 }, null);
  });

  it('is, of an array, as long and equal element by element', () => {
    takes([1, '<int>', { a: '<any>' }], [1, 2, { a: 3 }]);
    refuses([1], [1, 2]);
    refuses([1, 2], [1]);
    refuses([1, 2], [2, 1]);
    refuses([1], { 0: 1, length: 1 });
    refuses(['<any>'], []);
  });

  it('says where it differs', () => {
    assert.throws(() => match({ a: [{ b: 1 }] }, { a: [{ b: 2 }] }), /^Error: at a\[0\]\.b: 1 is expected, not 2$/);
  });
});

describe('a remembered value', () => {
  it('is compared later, with its type', () => {
    const memory = new Memory();
    match({ id: '<int>@id', name: '<re \\w+>@name' }, { id: 5, name: 'Ann' }, memory);
    takes({ id: '$id', text: 'I am ${name}, ${id}' }, { id: 5, text: 'I am Ann, 5' }, memory);
    refuses('$id', '5', memory);
    refuses('$id', 6, memory);
    refuses('I am ${name}', 'I am Bob', memory);
  });

  it('is not remembered when it does not match', () => {
    const memory = new Memory();
    assert.throws(() => match('<int>@id', 'x', memory), Mismatch);
    assert.throws(() => memory.get('id'), BadConversation);
  });

  it('is a value, not a token, an expression or another variable', () => {
    const memory = new Memory();
    for (const [name, value] of Object.entries({ any: '<any>', dots: '.*', other: '$any', dash: 'a-b', open: { '...': 1 }, list: ['<any>'] })) {
      memory.set(name, value);
    }
    takes('$any', '<any>', memory);
    refuses('$any', 'x', memory);
    refuses('$open', { a: 1 }, memory);
    refuses('$list', ['x'], memory);
    refuses('$other', '<any>', memory);
    takes('<re ${dots}>', '.*', memory);
    refuses('<re ${dots}>', 'abc', memory);
    takes('<re ${dash}>', 'a-b', memory);
    takes('<contains ${dots}>', 'a.*b', memory);
    refuses('<contains ${dots}>', 'ab', memory);
  });

  it('fills what is sent', () => {
    const memory = new Memory();
    memory.set('id', 5);
    memory.set('o', { a: [1] });
    assert.deepEqual(memory.fill({ a: '$id', b: ['x${id}', '$o', '$', '$5', null, true], '$id': 1 }),
      { a: 5, b: ['x5', { a: [1] }, '$', '$5', null, true], '$id': 1 });
  });

  it('that is not there is an error of the conversation', () => {
    for (const expected of ['$no', 'a ${no}', '<re ${no}>', '<contains ${no}>']) {
      assert.throws(() => match(expected, 'x'), BadConversation, expected);
    }
    assert.throws(() => new Memory().fill({ a: '$no' }), BadConversation);
  });
});

describe('a set', () => {
  const set = (expected, values, memory = new Memory()) => matchSet(expected, values, memory);

  it('is the expected values in any order', () => {
    set([1, 2, 2], [2, 1, 2]);
    set([], []);
    // The first that fits is not the one to take.
    set(['<any>', 1], [1, 2]);
    set(['<int>', '<number>', '<any>'], ['x', 1.5, 1]);
  });

  it('is refused when one is missing, another or too many', () => {
    for (const [expected, values] of [[[1], [2]], [[1, 2], [1]], [[1], [1, 1]], [[1, 2], [1, 1]], [['<int>', '<int>'], [1, 'x']], [[], [1]]]) {
      assert.throws(() => set(expected, values), Mismatch);
    }
  });

  it('remembers of the way that fits', () => {
    const memory = new Memory();
    set(['<any>@a', 1], [1, 2], memory);
    assert.equal(memory.get('a'), 2);
  });
});
