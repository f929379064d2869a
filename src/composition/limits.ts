/** Limits that no setting changes, and those of the settings that go to more than one place. */
import { defaultAgentLimits, type AgentLimits } from '../infrastructure/agents/limits.js';
import { DEFAULT_RUNNER_LIMITS, type RunnerLimits } from '../application/projections/runner.js';
import { defaultHttpLimits, type HttpLimits } from '../interfaces/http/http-limits.js';
import type { Config } from '../infrastructure/config/config.js';
import type { AttemptLimits } from '../application/saga/attempts.js';
import type { StepLimits } from '../application/saga/results.js';
import type { WatchLimits } from '../application/saga/saga-watch.js';
import type { SagaLimits } from '../application/saga/workflow-saga.js';

export const sagaLimits = (config: Config): SagaLimits => ({
  concurrentSteps: config.sagaMaxConcurrentSteps,
  remembered: 10_000,
  errorPauseMs: 5_000,
});

export const stepLimits = (config: Config): StepLimits => ({ inlineOutputBytes: config.inlineOutputBytes });

export const attemptLimits: AttemptLimits = { reportTries: 60, reportPauseMs: 1_000 };

export const watchLimits = (config: Config): WatchLimits => ({
  heartbeatMs: config.workerHeartbeatMs,
  sweepMs: config.sagaSweepIntervalMs,
  sweepBatch: config.sagaSweepBatch,
  sweepParallel: 16,
});

export const agentLimits = (config: Config): AgentLimits => ({
  ...defaultAgentLimits,
  requestBytes: config.agentMaxRequestBytes,
  answerBytes: config.agentMaxResponseBytes,
  retryAfterMs: config.agentMaxRetryAfterSeconds * 1_000,
  connectionsPerOrigin: Math.max(defaultAgentLimits.connectionsPerOrigin, config.sagaMaxConcurrentSteps),
});

export const httpLimits = (config: Config): HttpLimits => ({
  ...defaultHttpLimits,
  bodyBytes: config.bodyLimitBytes,
  metadataBytes: config.metadataLimitBytes,
  agentBodyBytes: config.agentMaxRequestBytes,
  taskBodyBytes: config.agentMaxResponseBytes,
});

export const runnerLimits = (config: Config): RunnerLimits => ({
  ...DEFAULT_RUNNER_LIMITS,
  batch: config.projectionBatch,
  buffered: 2 * config.projectionBatch,
});
