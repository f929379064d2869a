import type { Step } from '../../../src/tools/copy-eventstore/copy.js';
import { progressLines } from '../../../src/tools/copy-eventstore/progress.js';

test('each act has its own rate and time left: what was only compared does not count as copied', () => {
  const lines: string[] = [];
  let time = 0;
  const report = progressLines(
    (line) => lines.push(line),
    () => time,
  );
  const at = (ms: number, act: Step['act'], events: number, place: bigint, end = 1_000n) => {
    time = ms;
    report({ act, events, place, end });
  };
  at(0, 'compared', 1, 1n);
  at(500, 'compared', 300, 300n);
  at(1_000, 'compared', 800, 800n);
  at(1_001, 'copied', 1, 801n);
  at(2_001, 'copied', 100, 900n);
  at(2_002, 'metadata', 2, 1n, 4n);
  at(2_003, 'tombstones', 1, 2n, 2n);
  expect(lines).toEqual([
    'compared: 1 events, 0.1 % of the log',
    'compared: 800 events, 800 events/s, 80.0 % of the log, 1 s left',
    'copied: 1 events, 80.1 % of the log',
    'copied: 100 events, 100 events/s, 90.0 % of the log, 2 s left',
    'metadata: 2 events, 25.0 % of streams',
    'tombstones: 1 events, 100.0 % of streams',
  ]);
});
