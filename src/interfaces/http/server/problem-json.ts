/** Errors as RFC 9457 has them, for callers that ask for them. */
import type { Request, Response } from 'express';
import { publicly } from './answer.js';
import type { ErrorAnswer } from './error-answer.js';
import { loggedPath } from './route-group.js';

const PROBLEM = 'application/problem+json';
const ENVELOPE = 'application/json';

/** Whether `Accept` names it, and `application/json` not before it. Whoever takes anything gets the envelope. */
export const asksForProblem = (request: Request): boolean => {
  const accept = request.get('accept') ?? '';
  const wish = qualityOf(PROBLEM, accept);
  return wish > 0 && wish >= qualityOf(ENVELOPE, accept);
};

/** 0 for a type that is not named. */
const qualityOf = (type: string, accept: string): number => {
  for (const part of accept.split(',')) {
    const [name = '', ...parameters] = part.split(';').map((each) => each.trim().toLowerCase());
    if (name !== type) continue;
    const weight = parameters.find((each) => each.startsWith('q='))?.slice(2);
    return weight === undefined ? 1 : Number(weight) || 0;
  }
  return 0;
};

/** The code is the kind of problem; the page of the API has an anchor for each. */
export const sendProblem = (request: Request, response: Response, { status, body }: ErrorAnswer): void => {
  const { code, message, details } = body;
  const words = code.toLowerCase().replaceAll('_', ' ');
  const problem = {
    type: `${publicly(response, '/docs')}#${code}`,
    title: words.charAt(0).toUpperCase() + words.slice(1),
    status,
    detail: message,
    instance: publicly(response, instanceOf(request)),
    ...{ code, details },
  };
  response.setHeader('Content-Type', PROBLEM);
  response.send(Buffer.from(JSON.stringify(problem)));
};

/** What is no address (a token's place, a stray percent) is encoded once more. */
const instanceOf = (request: Request): string =>
  loggedPath(request).replace(/%(?![0-9a-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/gi, (mark) =>
    encodeURIComponent(mark),
  );
