/** One instance's saga over ports that a test gives: wired as `composition` wires it in production. */
import { NO_RULES, type AgentRules } from '../application/agents/agent-limiter.js';
import type { Agents } from '../application/agents/agents.js';
import type { EventLog } from '../application/log/event-log.js';
import type { Ids } from '../application/log/ids.js';
import type { Clock } from '../application/runtime/clock.js';
import type { Notify, OnError } from '../application/runtime/errors.js';
import { AnswerRecorder } from '../application/saga/answer-recorder.js';
import type { AnswerFiles } from '../application/saga/answers.js';
import { AttemptRunner } from '../application/saga/attempt-runner.js';
import { KeptAnswers, type KeptAnswersLimits } from '../application/saga/kept-answers.js';
import { Results } from '../application/saga/results.js';
import { WorkflowSaga } from '../application/saga/workflow-saga.js';
import type { ArtifactStore } from '../application/workflow/artifacts.js';
import { HeldBackExecutions } from '../application/workflow/held-back.js';
import type { Histories } from '../application/workflow/histories.js';
import { Workflows } from '../application/workflow/workflows.js';

type Ports = Readonly<{
  log: EventLog;
  clock: Clock;
  ids: Ids;
  agents: Agents;
  artifacts: ArtifactStore;
  files: AnswerFiles;
  notify: Notify;
  onError: OnError;
  histories?: Histories | undefined;
}>;

type Limits = Readonly<{
  cachedExecutions: number;
  concurrentSteps: number;
  remembered: number;
  inlineOutputBytes: number;
  kept: KeptAnswersLimits;
}>;

export const sagaOver = (ports: Ports, worker: string, limits: Limits, rules: AgentRules = NO_RULES) => {
  const { log, clock, ids, agents, artifacts, onError } = ports;
  const { cachedExecutions, concurrentSteps, remembered, inlineOutputBytes } = limits;
  const workflows = new Workflows(log, clock, { cachedExecutions }, undefined, ports.histories);
  const results = new Results(artifacts, { inlineOutputBytes, maxAppendBytes: log.maxAppendBytes });
  const kept = new KeptAnswers(ports.files, limits.kept, clock, ports.notify, onError);
  const recorder = new AnswerRecorder({ workflows, results, kept, clock, onError });
  const heldBack = new HeldBackExecutions();
  const dependencies = { workflows, agents, artifacts, recorder, kept, heldBack, clock, ids, onError };
  const attempts = new AttemptRunner(dependencies);
  const sagaLimits = { concurrentSteps, remembered, errorPauseMs: 5_000, answersFirstMs: 10_000 };
  const saga = new WorkflowSaga({ ...dependencies, attempts }, worker, sagaLimits, rules);
  return { saga, workflows, results, heldBack };
};
