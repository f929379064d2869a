import { types } from 'node:util';
import { reasonOf } from '../../application/runtime/errors.js';
import type { AgentCall, AgentReply } from '../../application/agents/agents.js';
import type { Clock } from '../../application/runtime/clock.js';
import { readAnswerHere, type AnswerReader } from './answer.js';
import { bounded, failure, unlessAborted } from './failures.js';
import { type AgentLimits } from './limits.js';
import type { AgentFunction } from './registry.js';

/**
 * A value as JSON, where that says all of it: `JSON.stringify` makes `null` of NaN, Infinity, an invalid date and an undefined
 * in a list, nothing of functions and symbols, and `{}` of maps and sets. A member that is undefined is none.
 * @throws Error that says what would be lost
 */
const wholeJson = (value: unknown): string | undefined =>
  JSON.stringify(value, function (this: unknown, key: string, member: unknown): unknown {
    const lost = lossOf(this, key, member);
    if (lost !== undefined) throw new TypeError(`${lost} ${key === '' ? 'is no JSON' : `under "${key}" is no JSON`}`);
    return member;
  });

/** @param member after its own `toJSON`, if it has one */
const lossOf = (holder: unknown, key: string, member: unknown): string | undefined => {
  if (typeof member === 'number') return Number.isFinite(member) ? undefined : String(member);
  if (typeof member === 'function' || typeof member === 'symbol') return `a ${typeof member}`;
  if (member === undefined) return Array.isArray(holder) ? 'undefined' : undefined;
  if (member === null) return types.isDate((holder as Record<string, unknown>)[key]) ? 'an invalid date' : undefined;
  return typeof member === 'object' ? kindOfLost(member) : undefined;
};

const kindOfLost = (member: object): string | undefined => {
  if (types.isMap(member) || types.isSet(member)) return 'a map or set';
  if (types.isAnyArrayBuffer(member) || ArrayBuffer.isView(member)) return 'a buffer';
  return types.isPromise(member) || types.isNativeError(member) || types.isRegExp(member)
    ? 'a promise, an error or an expression'
    : undefined;
};

/** Calls registered functions as if they were far away: input and result are copied as JSON, within the same limits. */
export class FunctionAgents {
  constructor(
    private readonly clock: Clock,
    private readonly limits: AgentLimits,
    private readonly readAnswer: AnswerReader = readAnswerHere,
  ) {}

  /** Never throws. */
  call(call: AgentCall, agent: AgentFunction): Promise<AgentReply> {
    return unlessAborted(call, () => this.answer(call, agent));
  }

  private async answer(call: AgentCall, agent: AgentFunction): Promise<AgentReply> {
    const { signal, idempotencyKey, deadline, traceparent } = call;
    let result: unknown;
    try {
      const input: unknown = JSON.parse(JSON.stringify(call.input));
      result = await agent(input, { signal, idempotencyKey, deadline: new Date(deadline), traceparent });
    } catch (error) {
      return this.fail('AGENT_THREW', `Agent "${call.agent}" threw: ${reasonOf(error)}`);
    }
    return this.read(call, result);
  }

  private async read({ agent, input }: AgentCall, result: unknown): Promise<AgentReply> {
    const expected = `Agent "${agent}" was expected to return {success: true, data} or {success: false, error: {type, message, code}}`;
    let text: string | undefined;
    try {
      text = wholeJson(result);
    } catch (error) {
      return this.fail('INVALID_ANSWER', `${expected}, but its result is no JSON: ${reasonOf(error)}`);
    }
    const bytes = Buffer.from(text ?? '');
    if (bytes.byteLength > this.limits.answerBytes)
      return this.fail(
        'ANSWER_TOO_LARGE',
        `${expected}, at most ${this.limits.answerBytes} bytes of JSON, got ${bytes.byteLength}`,
      );
    const context = { step: input.step, now: this.clock.now(), limits: this.limits };
    const answer = await this.readAnswer(bytes, { context, token: null });
    if (answer.kind === 'taken') throw new Error('A function was offered no token');
    return answer.kind === 'reply'
      ? answer.reply
      : this.fail('INVALID_ANSWER', `${expected}, got a result, but ${answer.problem}`);
  }

  private fail(code: string, message: string): AgentReply {
    return failure('transient', code, bounded(message, this.limits.messageLength));
  }
}
