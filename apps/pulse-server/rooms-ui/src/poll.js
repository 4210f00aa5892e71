// SPDX-License-Identifier: MIT OR Apache-2.0
import { showVotes } from './votes.js';

showVotes('poll', { isVoteOfConnection: false });
