import type { NextFunction, Request, Response } from 'express';
import { EXPECTED_HOST, type HostCheck } from '../../known-hosts.js';
import { problem, Refusal } from './refusal.js';

/** @throws Refusal 421 */
export const refuseHosts =
  (isKnown: HostCheck) =>
  ({ headers: { host } }: Request, _response: Response, next: NextFunction): void => {
    if (isKnown(host)) return next();
    const told = problem('Host', EXPECTED_HOST, host);
    throw new Refusal(421, 'UNKNOWN_HOST', `Host: expected ${EXPECTED_HOST}, got ${told.received}`, [told]);
  };
