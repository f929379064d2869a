import { readAnswer } from '../../../src/infrastructure/agents/answer.js';
import { AgentTaskReports } from '../../../src/infrastructure/agents/agent-task-reports.js';
import { hideIn, hideInJson, searchable } from '../../../src/infrastructure/agents/hidden-secrets.js';
import { defaultAgentLimits } from '../../../src/infrastructure/agents/limits.js';
import { StoppedClock } from './a-call.js';

const SECRETS = searchable(['s3cret/+"token', 'Bearer s3cret/+"token', 'short', 's3cret/+"token']);
const now = new Date('2026-03-01T12:00:00.000Z');
const limits = { ...defaultAgentLimits, messageLength: 40, progressLength: 40 };
const read = (text: string) => readAnswer(text, { step: 'enrich', now, limits, secrets: SECRETS });

test('the longer value is found before the one that it holds, and short ones are not looked for', () => {
  expect(SECRETS).toEqual(['Bearer s3cret/+"token', 's3cret/+"token']);
  expect(hideIn('a Bearer s3cret/+"token, s3cret/+"token and short', SECRETS)).toBe('a [hidden], [hidden] and short');
});

test('texts and keys are hidden at every depth, and what holds none is the same object', () => {
  const kept = { a: [1, null, 'x'], b: { c: true } };
  expect(hideInJson(kept, SECRETS)).toBe(kept);
  expect(hideInJson({ kept, 's3cret/+"token': [{ of: 'is s3cret/+"token' }] }, SECRETS)).toEqual({
    kept,
    '[hidden]': [{ of: 'is [hidden]' }],
  });
});

test('an answer brings no secret along, however its JSON writes it', () => {
  const escaped = String.raw`s3cret\/\u002b\"token`;
  expect(read(`{"success":true,"data":{"got":"${escaped}"},"metadata":{"by":"${escaped}"}}`)).toMatchObject({
    reply: { data: { got: '[hidden]' }, metadata: { by: '[hidden]' } },
  });
  const failing = `{"type":"fatal","code":"${escaped}","message":"got ${escaped}"}`;
  expect(read(`{"success":false,"error":${failing}}`)).toMatchObject({
    reply: { error: { code: '[hidden]', message: 'got [hidden]' } },
  });
  expect(read(`{"error":{"message":"got ${escaped}"}}`)).toMatchObject({ kind: 'garbage', remark: 'got [hidden]' });
});

test('a message is cut after secrets are hidden, so that no part of one is left', () => {
  const message = `${'x'.repeat(30)} s3cret/+\\"token`;
  expect(read(`{"success":false,"error":{"type":"fatal","message":"${message}"}}`)).toMatchObject({
    reply: { error: { message: `${'x'.repeat(30)} [hidden]` } },
  });
});

test('a file that holds a secret is refused', () => {
  const artifacts = (text: string) =>
    JSON.stringify({
      success: true,
      artifacts: [{ name: 'a.txt', content_type: 'text/plain', content_base64: Buffer.from(text).toString('base64') }],
    });
  expect(read(artifacts('is s3cret/+"token'))).toEqual({
    kind: 'garbage',
    problem: 'artifacts.0 holds a secret with which agents are called',
    remark: null,
  });
  expect(read(artifacts('is none'))).toMatchObject({ kind: 'reply' });
});

test('a report by task token brings no secret along', () => {
  const reports = new AgentTaskReports(new StoppedClock(now), limits, () => SECRETS);
  const message = 'got s3cret/+"token';
  expect(reports.read({ type: 'heartbeat', message }, 's', 'the-token')).toMatchObject({ message: 'got [hidden]' });
  expect(reports.read({ type: 'complete', data: { message } }, 's', 'the-token')).toMatchObject({
    reply: { data: { message: 'got [hidden]' } },
  });
  const error = { type: 'fatal', message };
  expect(reports.read({ type: 'fail', error }, 's', 'the-token')).toMatchObject({
    reply: { error: { message: 'got [hidden]' } },
  });
});
