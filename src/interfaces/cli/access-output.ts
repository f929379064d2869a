/** Keys, grants and entries of the access log as lines for people. */
import type { AccessEntry } from '../../application/access/access-log-pages.js';
import type { grantAnswer, keyAnswer } from '../http/access/answers.js';

type Shown<Answer extends (...given: never[]) => unknown> = ReturnType<Answer>;

const reachOf = (projects: string | readonly string[]): string =>
  typeof projects === 'string' ? 'all projects' : projects.join(',');

export const keyLine = (key: Shown<typeof keyAnswer>): string => {
  const roles = key.grants.map(({ role, projects }) => `${role} (${reachOf(projects)})`).join(', ');
  const ends = key.revoked_at ?? key.expires_at ?? 'never';
  return `${key.id}  ${key.status}  ${key.name}  ${roles}  ends ${ends}  last used ${key.last_used_at ?? 'never'}`;
};

export const grantLine = ({ issuer, subject, role, projects, given_at: at }: Shown<typeof grantAnswer>): string =>
  `${role} (${reachOf(projects)})  ${subject} of ${issuer}  since ${at}`;

/** `json`: one object, with the names of the API. */
export const logLine = (entry: AccessEntry, json = false): string => {
  const { id, kind, actor, reason, data, stream } = entry;
  const [at, revision, position] = [entry.recordedAt.toISOString(), String(entry.revision), String(entry.position)];
  if (json) return JSON.stringify({ id, kind, recorded_at: at, actor, reason, data, stream, revision, position });
  const { id: who = 'unknown' } = (actor ?? {}) as Readonly<{ id?: string }>;
  return `${at}  ${kind}  by ${who}${reason === null ? '' : ` (${reason})`}  ${JSON.stringify(data)}`;
};
