// SPDX-License-Identifier: MIT OR Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { check, checkKept } from './support/mesa_checker.mjs';

const kSent = { one: ['before', 'while', 'while', 'after'], two: ['before', 'while', 'after'] };
const of = (from, ...numbers) => numbers.map((n) => ({ from, n }));
const kAll = [...of('one', 0, 1, 2, 3), ...of('two', 0, 1, 2)];
const client = (got, more = {}) => ({ name: 'c', server: 'one', since: 'before', isLeft: false, got, ...more });
const problemsOf = (got, { said = {}, killed, ...more } = {}) => check({ sent: kSent, said, killed, clients: [client(got, more)] }).problems;

describe('the checker of what clients of Mesa got', () => {
  it('finds nothing wrong with all of it, whatever came between', () => {
    const { problems, deliveries, missing } = check({ sent: kSent, said: {}, clients: [client(kAll), client([...kAll].reverse().sort((a, b) => a.n - b.n))] });
    assert.deepEqual(problems, []);
    assert.equal(deliveries, 14);
    assert.equal(missing, 0);
  });

  it('wants what is missing of others to be said, by either side', () => {
    const got = [...of('one', 0, 1, 2, 3), ...of('two', 0, 2)];
    assert.match(problemsOf(got)[0], /two:1, sent during the fault, and nobody said/);
    assert.deepEqual(problemsOf(got, { said: { one: { while: 1 } } }), []);
    assert.deepEqual(problemsOf(got, { said: { two: { while: 1 } } }), []);
  });

  it('wants all of the own server, and all from before and after', () => {
    const said = { one: { while: 1 }, two: { while: 1 } };
    assert.match(problemsOf([...of('one', 0, 2, 3), ...of('two', 0, 1, 2)], { said })[0], /own server/);
    assert.match(problemsOf([...of('one', 0, 1, 2, 3), ...of('two', 1, 2)], { said })[0], /sent before/);
    assert.match(problemsOf([...of('one', 0, 1, 2, 3), ...of('two', 0, 1)], { said })[0], /sent after/);
  });

  it('finds what comes twice, out of order, or out of nowhere', () => {
    assert.match(problemsOf([...kAll, ...of('two', 2)])[0], /two:2 came behind two:2/);
    assert.match(problemsOf([...of('one', 0, 2, 1, 3), ...of('two', 0, 1, 2)])[0], /one:1 came behind one:2/);
    assert.match(problemsOf([...kAll, ...of('two', 3)])[0], /never sent/);
    assert.match(problemsOf([...kAll, ...of('three', 0)])[0], /never sent/);
  });

  it('knows that the killed send less, but with no hole', () => {
    const sent = { one: ['before', 'after'], two: ['before', 'while', 'while', 'while'] };
    const problems = (...numbers) => check({ sent, said: {}, killed: ['two'], clients: [client([...of('one', 0, 1), ...of('two', ...numbers)])] }).problems;
    assert.deepEqual(problems(0, 1), []);
    assert.match(problems(0, 1, 3)[0], /later ones of the killed/);
  });

  it('knows that who came late or left early has the middle', () => {
    assert.deepEqual(problemsOf([...of('one', 2, 3), ...of('two', 2)], { since: 'while', said: { two: { while: 1 } } }), []);
    assert.match(problemsOf([...of('one', 2), ...of('two', 1, 2)], { since: 'while' })[0], /one:3 of its own server/);
    assert.deepEqual(problemsOf([...of('one', 0, 1), ...of('two', 0)], { isLeft: true }), []);
    assert.match(problemsOf([...of('one', 0, 2), ...of('two', 0)], { isLeft: true })[0], /one:1 of its own server/);
  });

  it('wants each kept message, once and in order, or to be told', () => {
    assert.deepEqual(checkKept({ count: 3, doubtful: [], got: [0, 1, 2] }), []);
    assert.deepEqual(checkKept({ count: 3, doubtful: [1, 2], got: [0, 2] }), []);
    assert.match(checkKept({ count: 3, doubtful: [], got: [0, 2] })[0], /kept 1 is lost/);
    assert.match(checkKept({ count: 3, doubtful: [], got: [0, 1, 1, 2] })[0], /came behind/);
    assert.match(checkKept({ count: 1, doubtful: [], got: [0, 1] })[0], /never sent/);
  });
});
