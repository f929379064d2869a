/** Agents for tests. Each is a function that an agent of your own could be, too. */
import type { AgentInput } from '../application/agents/agents.js';
import type { JsonObject } from '../domain/json.js';
import type { ErrorType } from '../domain/workflow/retry-policy.js';
import type { AgentContext, AgentResult } from '../infrastructure/agents/registry.js';
import { msOf, type Duration } from './duration.js';
import { mustCount, mustHaveOnly } from './input.js';

/** What an agent of a test gets beside its input. */
export type FakeContext = AgentContext &
  Readonly<{
    /** How often the agent has been called for this step, this call included. */
    call: number;
    /** Resolves when so much virtual time has passed, or when the call is aborted: `forever` then only. */
    wait: (duration: Duration | 'forever') => Promise<void>;
    /**
     * Takes the attempt's task token, as an agent over HTTP does with `202`: from here on there is no connection, and what the
     * function returns is reported under the token.
     */
    takeTask: () => Promise<void>;
    /** Reports under the token that the agent still works. @returns whether it should go on */
    heartbeat: (progress?: Progress) => Promise<boolean>;
  }>;

/** `percent` is 0 to 100. */
export type Progress = Readonly<{ percent?: number; message?: string }>;

/** A function for registerAgent() is one, and may be given as it is. */
export type FakeAgent = (input: AgentInput, context: FakeContext) => Promise<AgentResult>;

type Files = Extract<AgentResult, { success: true }>['artifacts'];

/** @param data what it answers, or what makes that of the input */
export const succeeds =
  (
    data: JsonObject | ((input: AgentInput) => JsonObject) = {},
    more: Readonly<{ metadata?: JsonObject; artifacts?: Files }> = {},
  ): FakeAgent =>
  async (input) => ({ success: true, data: typeof data === 'function' ? data(input) : data, ...more });

/** `retryAfter`: how long the agent asks not to be called. */
export type FakeError = Readonly<{ type?: ErrorType; code?: string; message?: string; retryAfter?: Duration }>;

/** Fails at each call; a `transient` error, which is retried, unless `type` says otherwise. */
export const fails = (given: FakeError = {}): FakeAgent => {
  mustHaveOnly('fails()', given, ['type', 'code', 'message', 'retryAfter']);
  const { type = 'transient', code = 'FAKE_ERROR', message = 'The fake agent failed', retryAfter } = given;
  const seconds = retryAfter ? msOf(retryAfter, 'fails(): retryAfter') / 1000 : null;
  return async () => ({ success: false, error: { type, code, message }, retry_after: seconds });
};

/** For the first calls of a step the first agents, in this order; from then on the last. */
export const inTurn = (...agents: readonly [FakeAgent, ...FakeAgent[]]): FakeAgent => {
  mustCount('inTurn(): the number of agents', agents.length);
  return (input, context) => agents[Math.min(context.call, agents.length) - 1]!(input, context);
};

/** Fails so many calls of a step, then is `then`. */
export const failsTimes = (times: number, then: FakeAgent = succeeds(), error: FakeError = {}): FakeAgent => {
  mustCount('failsTimes()', times);
  const failing = fails(error);
  return (input, context) => (context.call <= times ? failing : then)(input, context);
};

/** Answers when so much virtual time has passed since the call; after the step's timeout that is too late. */
export const answersAfter =
  (duration: Duration, agent: FakeAgent = succeeds()): FakeAgent =>
  async (input, context) => {
    await context.wait(duration);
    return agent(input, context);
  };

/** Holds the connection and never answers: the attempt times out. */
export const neverAnswers =
  (): FakeAgent =>
  async (input, { wait }) => {
    await wait('forever');
    return { success: true };
  };

/** A heartbeat that comes so long after the one before it, or after the token was taken. */
export type FakeBeat = Progress & Readonly<{ after: Duration }>;

/**
 * Takes the task token, sends these heartbeats, then is `then`: by default it falls silent, so that the heartbeat timeout or
 * the deadline ends the attempt. It stops where a heartbeat is answered that the attempt is over.
 */
export const reportsByToken =
  (beats: readonly FakeBeat[], then: FakeAgent = neverAnswers()): FakeAgent =>
  async (input, context) => {
    await context.takeTask();
    for (const { after, ...progress } of beats) {
      await context.wait(after);
      if (!(await context.heartbeat(progress))) await context.wait('forever');
    }
    return then(input, context);
  };
