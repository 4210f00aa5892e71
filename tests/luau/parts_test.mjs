// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Parts of the client alone, each in a VM that has nothing of the others but what it asks for.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { crc32 } from './harness/crc32.mjs';
import { clientFolder } from './harness/packages.mjs';
import { World } from './harness/world.mjs';

/** A test with a VM in which require("./Json") and the like work; `run` resolves to what the script emits. */
function onParts(body) {
  return async () => {
    const world = new World();
    const vm = await world.addServer({ hasParts: true });
    const run = async (source) => {
      await vm.run(source);
      assert.deepEqual(vm.errors, []);
      return vm.events.splice(0);
    };
    try {
      await body({ world, run });
      assert.deepEqual([...vm.violations, ...vm.errors], []);
    } finally {
      await world.destroy();
    }
  };
}

/** As a literal of Luau. */
const literal = (text) => `"${[...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`;

test('every part asks for what it needs', onParts(async ({ run }) => {
  const files = readdirSync(join(clientFolder, 'src')).filter((one) => one.endsWith('.luau'));
  assert.ok(files.length > 20);
  for (const file of files) {
    assert.deepEqual(await run(`emit({ kind = type(require("./${file.slice(0, -'.luau'.length)}")) })`), [{ kind: 'table' }], file);
  }
}));

test('Hash: sums that others know, too', onParts(async ({ run }) => {
  const texts = ['', 'a', 'foo', '123456789', '\u00fc'.repeat(100)];
  const [sums] = await run(`
local Hash = require("./Hash")
local sums = {}
for _, text in { ${texts.map(literal).join(', ')} } do
	table.insert(sums, { Hash.crc32(text), Hash.fnv1a(text) })
end
emit(sums)`);
  assert.deepEqual(sums.map(([crc]) => crc >>> 0), texts.map((text) => crc32(Buffer.from(text))));
  assert.deepEqual(sums.slice(0, 3).map(([, hash]) => hash), [0x811c9dc5, 0xe40c292c, 0xa9f37ed7]);
  assert.deepEqual(await run('emit({ require("./Hash").base36(35, 3), require("./Hash").base36(36 ^ 6 - 1, 6) })'), [['00z', 'zzzzzz']]);
}));

test('Json: what is written is read as it was, by its own reader and by others', onParts(async ({ run }) => {
  const values = [null, true, -0.5, 1e21, 'a"\\\u0001\u00e9\u{1f600}', [], [null, [1]], { a: { b: [null] }, 'c d': '' }];
  for (const value of values) {
    const text = JSON.stringify(value);
    const [again] = await run(`
local Json = require("./Json")
local ok, value = Json.decode(${literal(` ${text}\n`)}, Json.Null)
emit({ ok, (Json.encode(value)) })`);
    assert.equal(again[0], true, text);
    assert.deepEqual(JSON.parse(again[1]), value);
  }
  // With null in it a text goes to the reader of our own, which takes no more than JSON is.
  for (const wrong of ['null,', '[null', '[null,]', '{"a" null}', '{null:1}', 'nul', '[null 1]', '"\\x" null', '-null', '[null]]', '"\\ud800 null']) {
    const [[ok]] = await run(`emit({ (require("./Json").decode(${literal(wrong)}, nil)) })`);
    assert.equal(ok, false, wrong);
  }
  const [[ok]] = await run('emit({ (require("./Json").decode(string.rep("[", 33) .. "null" .. string.rep("]", 33), nil)) })');
  assert.equal(ok, false, 'nested too deeply');
}));

test('Frames: cut between characters into what fits, or not at all', onParts(async ({ run }) => {
  const [{ pieces, none }] = await run(`
local Frames, Limits = require("./Frames"), require("./Limits")
local text = string.rep("\\u{1F600}\\"\\n\\1a", 300)
local pieces = Frames.slice(text)
for _, piece in pieces do
	assert(utf8.len(piece) and Frames.escapedSize(piece) <= Limits.FRAME_BUDGET - Limits.CHUNK_HEADER)
end
assert(table.concat(pieces) == text)
emit({ pieces = #pieces, none = Frames.slice(string.rep("x", 65 * Limits.FRAME_BUDGET)) == nil })`);
  assert.deepEqual({ pieces, none }, { pieces: 5, none: true });
}));

for (const kind of ['newBucket', 'newWindow']) {
  test(`Budget.${kind}: in no minute more than the limit, over ten of them`, onParts(async ({ world, run }) => {
    await run(`
task.spawn(function()
	local bucket = require("./Budget").${kind}(60)
	while true do
		while bucket.has() do
			bucket.take()
			emit({ os.clock() })
		end
		task.wait(0.1)
	end
end)`);
    await world.advance(600);
    const times = (await run('local _ = nil')).map(([at]) => at);
    assert.ok(times.length > 400, `${times.length}`);
    for (let n = 60; n < times.length; ++n) assert.ok(times[n] - times[n - 60] >= 60 - 0.01, `${times[n]}`);
  }));
}

test('Repeats: at least as many as said are remembered, and for as long', onParts(async ({ world, run }) => {
  await run('seen = require("./Repeats").newSeen(100, 60) for n = 1, 100 do assert(seen.add("k" .. n)) end');
  assert.deepEqual(await run('for n = 101, 199 do seen.add("k" .. n) end emit({ seen.has("k100"), seen.add("k150") })'), [[true, false]]);
  await run('for n = 200, 300 do seen.add("k" .. n) end');
  assert.deepEqual(await run('emit({ seen.has("k1"), seen.has("k201") })'), [[false, true]]);
  await world.advance(61);
  assert.deepEqual(await run('seen.add("new") emit({ seen.has("k300") })'), [[true]]);
  await world.advance(61);
  assert.deepEqual(await run('seen.add("newer") emit({ seen.has("k300"), seen.has("new") })'), [[false, true]]);
}));

test('Gaps: numbers that were left out are asked for, and at last given up', onParts(async ({ world, run }) => {
  await run('gaps = require("./Gaps").new() gaps.arrive("e", "t", 5) gaps.arrive("e", "t", 9) gaps.arrive("e", "t", 7)');
  assert.deepEqual(await run('emit({ gaps.hasDue() })'), [[false]]);
  await world.advance(4);
  assert.deepEqual(await run('emit({ ask = gaps.take(true, true) })'), [{ ask: [['e', 't', [[6, 6], [8, 8]]]] }]);
  assert.deepEqual(await run('emit({ gaps.close("e", "t", 6), gaps.close("e", "t", 6), gaps.hasDue() })'), [[true, false, false]]);
  await world.advance(60);
  assert.deepEqual(await run('local ask, lost = gaps.take(true, true) emit({ #ask, lost })'), [[0, [['e', 't', [[8, 8]]]]]]);
  assert.deepEqual(await run('emit({ gaps.arrive("e", "t", 10 ^ 9) })'), [[10 ** 9 - 9 - 1 - 512]]);
}));

test('Queue: within a lane nothing overtakes, and what it holds has bounds', onParts(async ({ run }) => {
  const [answers] = await run(`
local Queue = require("./Queue")
local counters = setmetatable({}, { __index = function() return 0 end })
local queue = Queue.new(3, function() end, counters)
local function put(text, lane, more)
	local entry = { topic = "t", text = text, size = #text, expiresAt = 100, low = false, lane = lane, taken = false }
	for key, value in more or {} do
		entry[key] = value
	end
	return (queue.put(entry))
end
local answers = { put("1", "a"), put("2", "a", { key = "k" }), put("3", "b", { low = true }), put("4", "a"), put("5", "a") }
put("two", "a", { key = "k" })
for _, entry in queue.items("a") do
	table.insert(answers, entry.text)
end
table.insert(answers, queue.lane("a").bytes)
queue.finish("a", 3, true)
table.insert(answers, queue.count())
emit(answers)`);
  assert.deepEqual(answers, [true, true, true, true, false, '1', 'two', '4', 5, 0]);
}));

const kTurns = `
Limits = require("./Limits")
turns = require("./Turns").new(
	function(message, info) emit({ info.topic, if type(message) == "string" then #message else message }) end,
	function(topic) emit({ topic, "lost" }) end
)
function pass(topic, message) turns.pass(message, { topic = topic, seq = 1 }) end`;

test('Turns: who waits is let through when there are too many, or too much of it', onParts(async ({ run }) => {
  await run(kTurns);
  assert.deepEqual(await run('pass("a", 1) first = turns.take("a") pass("a", 2) pass("b", 3)'), [['a', 1], ['b', 3]]);
  // The longest of all waits is given up.
  assert.deepEqual(await run('turns.take("b") pass("b", 4) for n = 5, Limits.MAX_HELD + 2 do pass("b", n) end'), []);
  assert.deepEqual(await run('pass("b", 0)'), [['a', 'lost'], ['a', 2]]);
  assert.deepEqual(await run('turns.fill(first, "late", { topic = "a" }) turns.leave(first) pass("a", 5)'), [['a', 5]]);
  const rest = await run('pass("b", -1) pass("b", -2)');
  assert.deepEqual(rest.slice(0, 2), [['b', 'lost'], ['b', 4]]);
  assert.deepEqual(rest.slice(-2).map(([, message]) => message), [-1, -2]);
  assert.equal(rest.length, 1 + 1025 + 1);
}));

test('Turns: bytes are counted, of what was fetched too', onParts(async ({ run }) => {
  await run(kTurns);
  await run('half = string.rep("x", Limits.MAX_HELD_BYTES // 2 + 1) one, two = turns.take("a"), turns.take("a")');
  assert.deepEqual(await run('turns.fill(two, half, { topic = "a" })'), []);
  const half = 2 ** 21 + 1;
  assert.deepEqual(await run('pass("a", half)'), [['a', 'lost'], ['a', half], ['a', half]]);
  // All that was held is forgotten.
  await run('one = turns.take("a") pass("a", half)');
  assert.deepEqual(await run('turns.fill(one, "x", { topic = "a" })'), [['a', 1], ['a', half]]);
}));

test('Turns: a turn lasts as long as nobody waits, and then for a while', onParts(async ({ world, run }) => {
  await run(kTurns);
  await run('one, two, other = turns.take("a"), turns.take("a"), turns.take("b")');
  await world.advance(100);
  assert.deepEqual(await run('turns.expire() pass("a", 1)'), []);
  await world.advance(14.9);
  assert.deepEqual(await run('turns.expire()'), []);
  await world.advance(0.2);
  assert.deepEqual(await run('turns.expire()'), [['a', 'lost'], ['a', 'lost'], ['a', 1]]);
  assert.deepEqual(await run('turns.fill(other, 2, { topic = "b" })'), [['b', 2]]);
}));
