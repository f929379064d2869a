/** The report of an audit pack, read back as text. */
import { lineageOf } from '../../../src/application/audit/pack/lineage.js';
import type { RecordedEvent } from '../../../src/application/log/event-log.js';
import { reportFile } from '../../../src/infrastructure/audit/pack/report-file.js';
import { readPdf } from '../../agents/investigators-brochure/pdf-text.js';

const at = (second: number) => new Date(Date.UTC(2030, 0, 1, 0, 0, second));
const attempt = (number: number) => ({ step: 'write', attempt: number, generation: 1, agent: 'writer' });

const recorded = (stored: readonly Readonly<{ type: string; data: object; reason?: string }>[]): RecordedEvent[] =>
  stored.map(({ type, data, reason = null }, index) => ({
    ...{ id: `event-${index}`, type, data, stream: 'workflow-x' },
    metadata: { actor: { type: 'user', id: 'ann' }, reason, occurredAt: at(index).toISOString() },
    ...{ revision: BigInt(index), position: BigInt(index), recordedAt: at(index + 1) },
  }));

const pages = async (events: readonly RecordedEvent[]) => {
  const checkpoint = {
    ...{ format: 'workflow-executor/checkpoint/1' as const, number: 3, tree_size: 9, root: 'a'.repeat(64) },
    ...{ position: '9', at: at(50).toISOString(), key_id: 'b'.repeat(64), previous: null, signature: 'c' },
  };
  const lineage = lineageOf(events);
  return (
    await readPdf(await reportFile({ executionId: 'x', madeAt: at(59), events, lineage, signatures: [], checkpoint }))
  ).pages;
};

const started = {
  type: 'WorkflowStarted',
  data: { projectId: 'p-1', documentType: 'ib', definition: { name: 'brochure' }, definitionHash: 'd'.repeat(64) },
};
const failed = {
  type: 'StepFailed',
  data: {
    ...attempt(1),
    ...{ error: { type: 'transient', message: 'busy' }, durationMs: 7 },
    decision: { rule: 'retry', attempt: 1, of: 4, then: 'retry' },
  },
};
const completed = {
  type: 'StepCompleted',
  data: {
    ...attempt(2),
    ...{ output: {}, agentMetadata: { version: '2.1.0' }, durationMs: 8 },
    artifacts: [{ name: 'a.pdf', sha256: 'e'.repeat(64), bytes: 3, contentType: 'application/pdf' }],
  },
};

test('tells what it was, each event with who, when and why, each decision, and what made each file', async () => {
  const asked = { type: 'StepRetryRequested', data: { step: 'write' }, reason: 'the agent is back' };
  const begun = { type: 'StepStarted', data: attempt(2) };
  const text = (await pages(recorded([started, failed, asked, begun, completed]))).join(' ');
  expect(text).toMatch(/Project p-1, document type ib, definition brochure/);
  expect(text).toMatch(/Latest event: StepCompleted of 2030-01-01T00:00:05\.000Z/);
  expect(text).toMatch(/the agent is back/);
  expect(text).toMatch(/busy, decision: retry \(1 of 4\), then retry/);
  expect(text).toMatch(/writer 2\.1\.0, attempt 2/);
});

test('shows what was written in any script, and breaks what is longer than a line', async () => {
  const reason = `ж → 字 e\u0301 1\u202f500\n25\u2103 ${'x'.repeat(150)} end`;
  const text = (await pages(recorded([started, { type: 'WorkflowCancelled', data: {}, reason }]))).join(' ');
  const squeezed = (words: string) => words.normalize('NFKC').replace(/[\s\u200b]+/g, '');
  expect(squeezed(text)).toContain(squeezed(reason));
});

test('no heading stands apart from its table, wherever the page ends', async () => {
  for (let more = 20; more < 32; more++) {
    const events = recorded([started, ...Array.from({ length: more }, () => failed), completed]);
    for (const page of await pages(events)) expect(page).not.toMatch(/(Attempts|Artifacts)\s*(Page \d+ of \d+)?$/);
  }
});
