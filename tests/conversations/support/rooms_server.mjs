// SPDX-License-Identifier: MIT OR Apache-2.0
//
// pulse-server with rooms and nothing else on its port, so that / and the paths that nobody knows are theirs as well.
import { PulseServer } from '../../support/pulse_server.mjs';
import { kSigningKey } from './rooms.mjs';

/** What the preconditions of conversations want of the configuration. */
const kSettings = {
  'counter-as-string': 'counter_value = "string"',
  'counter-as-number': 'counter_value = "number"',
};

export function startRoomsServer(needs = []) {
  const settings = needs.filter((need) => need in kSettings).map((need) => kSettings[need]);
  return PulseServer.start({
    settings: `[roblox]\nenabled = false\n[rooms]\nenabled = true\nsigning_key = "${kSigningKey}"\n${settings.join('\n')}\n`,
  });
}
