import { WEBHOOK_STREAM_PREFIX } from '../../domain/webhook/webhook.js';
import { AUDITED_PREFIXES, TREE_HEAD_STREAM } from './audited-log.js';
import { PROBE_STREAM } from '../log/write-probe.js';

/** What the names of all streams begin with that this application writes. Events are added to them; nothing is ever taken away. */
export const OWN_STREAM_PREFIXES: readonly string[] = [
  ...[...AUDITED_PREFIXES, WEBHOOK_STREAM_PREFIX],
  ...[TREE_HEAD_STREAM, PROBE_STREAM],
];
