// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A game server: a Luau VM with the client in it, and what a test asks of it.
import { randomUUID } from 'node:crypto';

import { GameServerVm } from '../../luau/harness/game_server_vm.mjs';

const prelude = (options) => `
Pulse = require(game:GetService("ServerScriptService").PulseClient)
pulse = Pulse.new({
	serverUrl = script:GetAttribute("PulseUrl"),
	apiKey = game:GetService("HttpService"):GetSecret("pulse"),
	onError = function(kind, detail) emit({ error = kind, detail = detail }) end,
	${options}
})
function listen(topic)
	return pulse.Subscribe(topic, function(message, info)
		emit({ topic = info.topic, message = message, from = info.from })
	end)
end
`;

export class Game {
  #asked = 0;

  /** `luau`: further options of Pulse.new. Further ones are those of GameServerVm. */
  static async start({ luau = '', listenTo = ['*'], scriptPath, script = scriptPath ? undefined : prelude(luau), ...options }) {
    const game = new Game();
    game.jobId = randomUUID();
    game.vm = new GameServerVm({ jobId: game.jobId, players: 10, ...options, script, scriptPath });
    await game.vm.start();
    for (const topic of listenTo) await game.run(`listen(${JSON.stringify(topic)})`);
    return game;
  }

  run(source) { return this.vm.run(source); }
  /** What the expression is in Luau, by way of JSON. It may yield. */
  async value(expression) {
    const key = ++this.#asked;
    await this.run(`emit({ asked = ${key}, value = ${expression} })`);
    const find = () => this.vm.events.find((event) => event.asked === key);
    while (!find()) await new Promise((resolve) => { setTimeout(resolve, 10); });
    return find().value;
  }
  stats() { return this.value('pulse.Stats()'); }

  heard(topic) {
    return this.vm.events.filter((event) => event.topic !== undefined && (topic === undefined || event.topic === topic));
  }
  messages(topic) { return this.heard(topic).map((event) => event.message); }
  errors(kind) {
    return this.vm.events.filter((event) => event.error && (!kind || event.error === kind))
      .map((event) => `${event.error}: ${event.detail}`);
  }
}
