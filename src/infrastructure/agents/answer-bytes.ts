import { excessOf } from '../../domain/json-scan.js';
import { readAnswer, takenToken, type AnswerContext, type ReadAnswer } from './answer.js';

/** @param token the task token that was offered with the call, where an answer may take it; else null */
export type AnswerOrder = Readonly<{ context: AnswerContext; token: string | null }>;

/** `taken`: the agent says that it has the token, and will report under it. */
export type AnswerRead = ReadAnswer | Readonly<{ kind: 'taken' }>;

/** Reads answers somewhere; a large one is read beside the thread that answers requests. Never rejects. */
export type AnswerReader = (bytes: Uint8Array, order: AnswerOrder) => Promise<AnswerRead>;

/** Here and at once. */
export const readAnswerBytes = (bytes: Uint8Array, { context, token }: AnswerOrder): AnswerRead => {
  const { answerMembers } = context.limits;
  const text = decode(bytes);
  if (text === undefined) return garbage('it is not UTF-8');
  // How deep it is is found in the value, where a text that is no JSON can be distinguished from one that is too deep.
  if (excessOf(bytes, { depth: Infinity, members: answerMembers }) === 'members')
    return garbage(`its arrays and objects have more than ${answerMembers} members in all`);
  // Only who names the token has taken it: a gateway that answers 202 to everything has not.
  if (token !== null && takenToken(text) === token) return { kind: 'taken' };
  return readAnswer(text, context);
};

export const readAnswerHere: AnswerReader = async (bytes, order) => readAnswerBytes(bytes, order);

const garbage = (problem: string): ReadAnswer => ({ kind: 'garbage', problem, remark: null });

const decode = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
};
