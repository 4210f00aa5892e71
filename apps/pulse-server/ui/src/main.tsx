// SPDX-License-Identifier: MIT OR Apache-2.0
import { render } from 'preact';

import { App } from './app';
import { ask } from './session';
import './styles/index.css';

const root = document.getElementById('app');
if (root !== null) {
  root.textContent = '';
  render(<App />, root);
  void ask();
}
