/** Limits that no setting changes, and those of the settings that go to more than one place. */
import { variableName } from '../infrastructure/agents/agent-urls.js';
import { defaultAgentLimits, type AgentLimits } from '../infrastructure/agents/limits.js';
import { DEFAULT_RUNNER_LIMITS, type RunnerLimits } from '../application/projections/runner.js';
import { defaultHttpLimits, type HttpLimits } from '../interfaces/http/server/json-body.js';
import {
  DEFAULT_REBUILD_STORE_LIMITS,
  type RebuildStoreLimits,
} from '../infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { DEFAULT_REALTIME_LIMITS, type RealtimeLimits } from '../interfaces/realtime/limits.js';
import { DEFAULT_STREAM_LIMITS, type StreamLimits } from '../application/live/live-source.js';
import type { StreamBounds } from '../interfaces/http/streams/response-sink.js';
import type { Config } from '../infrastructure/config/config.js';
import type { AgentBounds } from '../application/saga/agent-lane.js';
import type { BacklogLimits } from '../application/workflow/start-backlog.js';
import type { AttemptLimits } from '../application/saga/attempts.js';
import type { StepLimits } from '../application/saga/results.js';
import { DEFAULT_REBUILDER_LIMITS, type RebuilderLimits } from '../application/rebuild/building.js';
import type { VitalLimits } from '../application/log/vital-signs.js';
import type { WatchLimits } from '../application/saga/saga-scheduler.js';
import type { WebhookLimits } from '../application/webhooks/limits.js';
import { DEFAULT_SENDER_LIMITS, type SenderLimits } from '../infrastructure/webhooks/http-webhook-sender.js';
import { REVISION_WAIT_LIMITS, type RevisionWaitLimits } from '../application/queries/revision-waits.js';
import { DEFAULT_JSON_THREAD_LIMITS, type JsonThreadLimits } from './json.js';
import type { TargetRules } from '../infrastructure/webhooks/target-rules.js';
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
  answerMembers: config.agentMaxResponseMembers,
  retryAfterMs: config.agentMaxRetryAfterSeconds * 1_000,
  connectionsPerOrigin: Math.max(defaultAgentLimits.connectionsPerOrigin, config.sagaMaxConcurrentSteps),
});

/** @returns what bounds the agent of that name: its own variables, or those of all */
export const agentBoundsOf =
  (config: Config) =>
  (agent: string): AgentBounds => {
    const own = config.agentBounds[variableName(agent)] ?? {};
    return {
      concurrentCalls: own.MAX_CONCURRENT_CALLS ?? config.agentMaxConcurrentCalls,
      rate: {
        calls: own.RATE_CALLS ?? config.agentRateCalls,
        windowMs: own.RATE_WINDOW_MS ?? config.agentRateWindowMs,
      },
      circuit: {
        consecutiveFailures: own.CIRCUIT_FAILURES ?? config.agentCircuitFailures,
        failurePercent: own.CIRCUIT_FAILURE_PERCENT ?? config.agentCircuitFailurePercent,
        minimumCalls: own.CIRCUIT_MIN_CALLS ?? config.agentCircuitMinCalls,
        windowMs: own.CIRCUIT_WINDOW_MS ?? config.agentCircuitWindowMs,
        coolDownMs: own.CIRCUIT_COOL_DOWN_MS ?? config.agentCircuitCoolDownMs,
      },
    };
  };

/** A little more than a take-over of the tree takes, and time to sign in. */
const SIGNING_ROUNDS = 3;

export const vitalLimits = (config: Config): VitalLimits => ({
  everyMs: config.healthProbeMs,
  retryMs: Math.min(1_000, config.healthProbeMs),
  timeoutMs: Math.max(config.appendTimeoutMs, 5_000),
  stalledMs: config.healthStalledMs,
  unsignedMs: Math.max(config.healthStalledMs, SIGNING_ROUNDS * config.auditCheckpointMs),
});

export const backlogLimits = (config: Config): BacklogLimits => ({
  waiting: config.maxWaitingExecutions,
  countEveryMs: 1_000,
  countWaitMs: 500,
  retryAfterSeconds: 5,
});

export const httpLimits = (config: Config): HttpLimits => ({
  ...defaultHttpLimits,
  bodyBytes: config.bodyLimitBytes,
  metadataBytes: config.metadataLimitBytes,
  agentBodyBytes: config.agentMaxRequestBytes,
  taskBodyBytes: config.agentMaxResponseBytes,
  bodyMembers: config.bodyLimitMembers,
  agentBodyMembers: config.agentMaxRequestMembers,
  taskBodyMembers: config.agentMaxResponseMembers,
});

export const jsonThreadLimits = (config: Config): JsonThreadLimits => ({
  ...DEFAULT_JSON_THREAD_LIMITS,
  threads: config.jsonThreads,
  waiting: config.jsonMaxWaiting,
});

export const revisionWaitLimits = (config: Config): RevisionWaitLimits => ({
  ...REVISION_WAIT_LIMITS,
  waiting: config.maxWaitingReads,
});

export const runnerLimits = (config: Config): RunnerLimits => ({
  ...DEFAULT_RUNNER_LIMITS,
  batch: config.projectionBatch,
  buffered: 2 * config.projectionBatch,
});

export const rebuilderLimits = (config: Config): RebuilderLimits => ({
  ...DEFAULT_REBUILDER_LIMITS,
  batch: config.rebuildBatch,
  pauseMs: config.rebuildPauseMs,
  samples: config.rebuildSamples,
});

export const rebuildStoreLimits = (config: Config): RebuildStoreLimits => ({
  ...DEFAULT_REBUILD_STORE_LIMITS,
  lockTimeoutMs: config.rebuildLockTimeoutMs,
});

export const realtimeLimits = (config: Config): RealtimeLimits => ({
  ...DEFAULT_REALTIME_LIMITS,
  connections: config.realtimeMaxConnections,
  channels: config.realtimeMaxChannels,
  bindings: config.realtimeMaxSubscriptions,
  messagesPerSecond: config.realtimeMaxMessagesPerSecond,
  frameBytes: config.realtimeMaxFrameBytes,
  frameMembers: config.realtimeMaxFrameMembers,
  filterSteps: config.realtimeMaxFilterSteps,
  allFilterSteps: config.realtimeMaxFilterStepsInAll,
  filterWork: config.realtimeFilterWorkPerSecond,
  allFilterWork: config.realtimeFilterWorkPerSecondInAll,
  bufferBytes: config.realtimeMaxBufferBytes,
  joinMs: config.realtimeJoinTimeoutMs,
  silenceMs: config.realtimeSilenceTimeoutMs,
});

export const streamLimits = (config: Config): StreamLimits => ({
  ...DEFAULT_STREAM_LIMITS,
  waitingEvents: config.streamBufferEvents,
  catchUpEvents: config.streamCatchUpEvents,
});

export const streamBounds = (config: Config): StreamBounds => ({
  open: config.maxOpenStreams,
  heartbeatMs: config.streamHeartbeatMs,
  retryMs: config.streamRetryMs,
  bufferBytes: config.streamBufferBytes,
  stalledMs: config.streamStalledMs,
  closeMs: 5_000,
});

const DAY_MS = 86_400_000;

export const webhookLimits = (config: Config): WebhookLimits => ({
  subscriptions: config.webhookMaxSubscriptions,
  secrets: 5,
  attempts: config.webhookMaxConcurrentDeliveries,
  slowMs: config.webhookSlowMs,
  slowAttempts: config.webhookMaxSlowDeliveries,
  silentAttempts: config.webhookMaxConcurrentToSilent,
  attemptsPerTarget: config.webhookMaxConcurrentPerTarget,
  timeoutMs: config.webhookTimeoutMs,
  backOff: { firstMs: config.webhookFirstRetryMs, giveUpMs: config.webhookGiveUpMs },
  queued: config.webhookMaxQueued,
  bodyBytes: config.webhookMaxBodyBytes,
  keepMs: config.webhookKeepDays * DAY_MS,
  keepRows: config.webhookKeepDeliveries,
});

export const senderLimits = (config: Config): SenderLimits => ({
  ...DEFAULT_SENDER_LIMITS,
  timeoutMs: config.webhookTimeoutMs,
  connectionsPerHost:
    config.webhookMaxConcurrentDeliveries + config.webhookMaxSlowDeliveries + config.webhookMaxConcurrentToSilent,
});

export const targetRules = (config: Config): TargetRules => ({
  allowPrivate: config.webhookAllowPrivateTargets,
  allowHttp: config.webhookAllowHttp,
  ports: config.webhookAllowedPorts,
});
