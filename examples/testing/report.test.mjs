/** `node --test examples/testing/`: the workflow of report.json, with its own writer and fakes in place of everybody else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  answersAfter,
  fails,
  failsTimes,
  given,
  inTurn,
  passes,
  pause,
  reportsByToken,
  resume,
  start,
  succeeds,
} from 'workflow-executor/testing';
import { reportWriter } from './report-writer.mjs';

const definition = new URL('report.json', import.meta.url);
const agents = {
  collector: succeeds({ facts: ['Water is wet'] }),
  'report-writer': reportWriter,
  checker: answersAfter({ hours: 6 }, succeeds({ approved: true })),
};

test('a report is written from the facts that were collected, and checked', async () => {
  const run = await given({ definition, agents }).when(start({ metadata: { title: 'Water' } }));
  assert.equal(run.state, 'completed');
  assert.deepEqual(run.outputs, { facts: ['Water is wet'], report: '# Water\n- Water is wet', approved: true });
  const [, write] = run.attempts;
  assert.deepEqual(write.input.checkpoint.intermediate_results, { facts: ['Water is wet'] });
  assert.equal(run.elapsed, 6 * 3_600_000);
});

test('a writer that is busy is asked again, a minute later and then after two', async () => {
  const busy = failsTimes(2, reportWriter, { code: 'BUSY', message: 'The model is busy' });
  const { attempts } = await given({ definition, agents: { ...agents, 'report-writer': busy } }).when(start());
  const write = attempts.filter(({ step }) => step === 'write');
  assert.deepEqual(
    write.map(({ ended, waited }) => [ended, waited]),
    [
      ['failed', null],
      ['failed', 60_000],
      ['completed', 120_000],
    ],
  );
});

test('a writer that stays busy leaves the decision to an operator, whose resume begins anew', async () => {
  const [busy, patient] = [fails({ code: 'BUSY', message: 'The model is busy' }), reportWriter];
  const report = given({ definition, agents: { ...agents, 'report-writer': inTurn(busy, busy, busy, patient) } });
  const paused = await report.when(start());
  assert.equal(paused.state, 'paused');
  assert.deepEqual(paused.story.slice(-2), [
    '180 s StepFailed write #3: transient BUSY: The model is busy; pause, as attempts exhausted (attempt 3 of 3)',
    '180 s WorkflowPaused: retries exhausted',
  ]);
  const resumed = await report.when(passes({ days: 1 }), resume('the model has capacity'));
  assert.equal(resumed.state, 'completed');
  assert.equal(resumed.steps.write.generation, 2);
});

test('without facts there is nothing to write, and nothing to try again', async () => {
  const run = await given({ definition, agents: { ...agents, collector: succeeds({ facts: [] }) } }).when(start());
  assert.equal(run.state, 'failed');
  assert.deepEqual(
    run.attempts.map(({ step, error }) => [step, error?.code ?? null]),
    [
      ['collect', null],
      ['write', 'NO_FACTS'],
    ],
  );
});

test('a pause waits for the step under way, and the next one for the resume', async () => {
  const slow = answersAfter({ minutes: 2 }, agents.collector);
  const report = given({ definition, agents: { ...agents, collector: slow } });
  const paused = await report.when(start(), passes({ minutes: 1 }), pause('new data are expected'));
  assert.deepEqual(
    paused.attempts.map(({ step, ended }) => [step, ended]),
    [['collect', 'completed']],
  );
  const { events } = await report.when(passes({ hours: 3 }), resume('the data are in'));
  assert.deepEqual(
    events.filter(({ reason }) => reason !== null).map(({ type, reason }) => [type, reason]),
    [
      ['WorkflowPaused', 'new data are expected'],
      ['WorkflowResumed', 'the data are in'],
    ],
  );
});

test('a checker who falls silent is asked again; one who reports has his time', async () => {
  const reading = [{ after: { hours: 8 }, percent: 50, message: 'chapter 2' }];
  const checker = inTurn(reportsByToken([]), reportsByToken(reading, answersAfter({ hours: 8 }, succeeds())));
  const run = await given({ definition, agents: { ...agents, checker } }).when(start());
  const [silent, read] = run.attempts.filter(({ step }) => step === 'check');
  assert.equal(silent.error.code, 'HEARTBEAT_TIMEOUT');
  assert.deepEqual(
    read.progress.map(({ percent, message }) => [percent, message]),
    [[50, 'chapter 2']],
  );
  assert.equal(run.state, 'completed');
});
