import { InvalidRequest } from '../../../src/application/runtime/errors.js';
import { AgentTaskReports } from '../../../src/infrastructure/agents/agent-task-reports.js';
import { defaultAgentLimits } from '../../../src/infrastructure/agents/limits.js';
import type { JsonObject } from '../../../src/domain/json.js';
import { StoppedClock } from './a-call.js';

const clock = new StoppedClock(new Date('2026-03-01T12:00:00.000Z'));
const TOKEN = 'T'.repeat(30);
const limits = { ...defaultAgentLimits, progressLength: 10, artifactsPerAnswer: 1, retryAfterMs: 60_000 };
const reports = new AgentTaskReports(clock, limits);
const read = (body: JsonObject) => reports.read(body, 'enrich', TOKEN);
const error = { type: 'transient', message: 'later', code: 'BUSY' };
const file = { name: 'a.txt', content_type: 'text/plain', content_base64: 'aGk=' };

test.each<[JsonObject, unknown]>([
  [{ type: 'heartbeat' }, { type: 'heartbeat', percent: null, message: null }],
  [
    { type: 'heartbeat', percent: 99.5, message: null },
    { type: 'heartbeat', percent: 99.5, message: null },
  ],
  [
    { type: 'heartbeat', percent: 0, message: 'a\u0007b, and far too long' },
    { type: 'heartbeat', percent: 0, message: 'a b, and …' },
  ],
  [
    { type: 'heartbeat', message: TOKEN },
    { type: 'heartbeat', percent: null, message: '[task tok…' },
  ],
  [{ type: 'complete' }, { type: 'complete', reply: { success: true, data: {}, metadata: {}, artifacts: [] } }],
  [
    { type: 'complete', data: [1], metadata: { m: 1 }, artifacts: [file] },
    {
      type: 'complete',
      reply: {
        success: true,
        data: { enrich: [1] },
        metadata: { m: 1 },
        artifacts: [{ name: 'a.txt', contentType: 'text/plain', content: Buffer.from('hi') }],
      },
    },
  ],
  [
    { type: 'fail', error },
    { type: 'fail', reply: { success: false, error, retryAfterMs: null } },
  ],
  [
    { type: 'fail', error, retry_after_ms: 1_500 },
    { type: 'fail', reply: { success: false, error, retryAfterMs: 1_500 } },
  ],
  [
    { type: 'fail', error, retry_after_ms: 1e12 },
    { type: 'fail', reply: { success: false, error, retryAfterMs: 60_000 } },
  ],
  [
    { type: 'fail', error, retry_after: 'Sun, 01 Mar 2026 12:00:05 GMT' },
    { type: 'fail', reply: { success: false, error, retryAfterMs: 5_000 } },
  ],
])('%j is understood', (body, expected) => expect(read(body)).toEqual(expected));

test.each<[JsonObject, RegExp]>([
  [{}, /type is none of the three/],
  [{ type: 7 }, /type is none of the three/],
  [{ type: 'Heartbeat' }, /type is none of the three/],
  [{ type: 'heartbeat', percent: -1 }, /percent/],
  [{ type: 'heartbeat', percent: 100.1 }, /percent/],
  [{ type: 'heartbeat', percent: true }, /percent/],
  [{ type: 'heartbeat', message: {} }, /message/],
  [{ type: 'heartbeat', data: {} }, /data/],
  [{ type: 'complete', artifacts: [file, { ...file, name: 'b' }] }, /2 artifacts, at most 1/],
  [{ type: 'complete', artifacts: [{ ...file, content_base64: 'aGk' }] }, /padded base64/],
  [{ type: 'complete', data: { constructor: 1 } }, /constructor/],
  [{ type: 'fail' }, /error/],
  [{ type: 'fail', error: { ...error, type: 'permanent' } }, /error\.type/],
  [{ type: 'fail', error, retry_after_ms: -1 }, /retry_after_ms/],
  [{ type: 'fail', error, retry_after_ms: '5' }, /retry_after_ms/],
])('%j is refused, and says what was expected', (body, problem) => {
  expect(() => read(body)).toThrow(InvalidRequest);
  expect(() => read(body)).toThrow(problem);
  expect(() => read(body)).toThrow(/"type": "heartbeat"/);
});
