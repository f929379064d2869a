/**
 * `workflow-executor/testing`: a definition, run with fake or real agents on a virtual clock, in memory: docs/testing.md. It is what
 * production runs, over ports without Postgres, server, socket or timer. Importing it starts nothing.
 */
export type { AgentInput } from '../application/agents/agents.js';
export { answersAfter, fails, failsTimes, inTurn, neverAnswers, reportsByToken, succeeds } from './fakes.js';
export type { FakeAgent, FakeBeat, FakeContext, FakeError, Progress } from './fakes.js';
export type { Duration } from './duration.js';
export { given } from './given.js';
export type { Given } from './given.js';
export { cancel, nextStep, passes, pause, remaining, resume, retry, start } from './orders.js';
export type { Order, StartOptions } from './orders.js';
export type { Attempt, Happened, MadeFile, Run } from './run.js';
export type { Setup, TestLimits } from './setup.js';
