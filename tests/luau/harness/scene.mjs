// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What most tests begin with: a world, a model of the server, a game server with the client in it.
import assert from 'node:assert/strict';

import { ServerModel } from './server_model.mjs';
import { World } from './world.mjs';

const prelude = (options) => `
Pulse = require(game:GetService("ServerScriptService").PulseClient)
pulse = Pulse.new({
	serverUrl = script:GetAttribute("PulseUrl"), apiKey = "test-key",
	onError = function(kind, detail) emit({ error = kind, detail = detail }) end,
	${options}
})
function listen(topic)
	return pulse.Subscribe(topic, function(message, info)
		emit({ topic = info.topic, message = message, from = info.from, seq = info.seq, sentAt = info.sentAt })
	end)
end
`;

export class Scene {
  static async create(luauOptions = '', vmOptions = {}) {
    const scene = new Scene();
    scene.world = new World();
    scene.model = new ServerModel(scene.world);
    scene.vm = await scene.addServer(luauOptions, vmOptions);
    return scene;
  }
  /** Another game server in the same world. */
  async addServer(luauOptions = '', vmOptions = {}) {
    return this.world.addServer({ ...vmOptions, script: prelude(luauOptions) });
  }
  /** With a listener, and past the greetings. */
  static async listening(topic = '*', luauOptions = '', vmOptions = {}) {
    const scene = await Scene.create(luauOptions, vmOptions);
    await scene.vm.run(`listen(${JSON.stringify(topic)})`);
    await scene.world.advance(15);
    return scene;
  }

  run(source, vm = this.vm) { return vm.run(source); }
  advance(seconds) { return this.world.advance(seconds); }
  /** What the expression is in Luau, by way of JSON. */
  async value(expression, vm = this.vm) {
    await vm.run(`emit({ value = ${expression} })`);
    return vm.events.pop().value;
  }
  stats(vm = this.vm) { return this.value('pulse.Stats()', vm); }
  messages(vm = this.vm) { return vm.events.filter((one) => 'topic' in one).map((one) => one.message); }
  errors(kind, vm = this.vm) { return vm.events.filter((one) => one.error && (!kind || one.error === kind)); }

  /** Every test ends with it: no rule of Roblox was broken, no script failed. */
  async end() {
    for (const vm of this.world.vms) {
      assert.deepEqual(vm.violations, []);
      assert.deepEqual(vm.errors, []);
    }
    assert.deepEqual(this.world.violations, []);
    await this.world.destroy();
  }
}
