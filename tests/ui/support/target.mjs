// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the page is tested against: the model server, or whatever the module PULSE_UI_START starts.
// Its startTarget() resolves to
//
//   baseUrl    where the page is
//   adminKey   what logs in
//   sample     { id, name } of a registered universe with live game servers and traffic
//   goodKey    what an Open Cloud key looks like that the server accepts; badKey: that it refuses
//   stop()
//
// Tests that make things go wrong on purpose need the model and are skipped elsewhere.
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { kAdminKey, ModelServer } from '../model-server.mjs';

export const isModel = process.env.PULSE_UI_START === undefined;
export const kBundle = path.join(process.env.PULSE_TEST_UI, 'bundle');

export async function startTarget() {
  if (!isModel) return (await import(pathToFileURL(process.env.PULSE_UI_START))).startTarget();
  const model = await ModelServer.start({ page: kBundle, tickMs: 250 });
  return {
    baseUrl: model.baseUrl, adminKey: kAdminKey, model,
    sample: { id: '2745313133', name: 'Harbour Tycoon' },
    goodKey: 'good-open-cloud-key', badKey: 'bad-open-cloud-key',
    stop: () => model.stop(),
  };
}
