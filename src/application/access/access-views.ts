/** Keys, grants and persons as answers list them. */
import { hash } from 'node:crypto';
import { subjectId, type ApiKey, type Directory, type Granted, type Subject } from '../../domain/access/directory.js';
import type { Role } from '../../domain/access/permissions.js';
import { InvalidCursor, type Page } from '../queries/read-model.js';

export type GrantView = Subject & Granted;
export type SubjectView = Subject & Readonly<{ blockedAt: string | null; grants: readonly Granted[] }>;

type PageAsked = Readonly<{ cursor: string | null; limit: number }>;

export type GrantsAsked = PageAsked & Readonly<{ issuer: string | null; subject: string | null; role: Role | null }>;
export type SubjectsAsked = PageAsked & Readonly<{ blocked: boolean | null }>;

/** The latest first. @throws InvalidCursor */
export const listKeys = ({ keys }: Directory, asked: PageAsked): Page<ApiKey> =>
  pageOf([...keys.values()].toReversed(), ({ id }) => id, asked);

/** Person by person, as they became known; each one's grants in the order in which they were given. @throws InvalidCursor */
export const listGrants = ({ subjects }: Directory, asked: GrantsAsked): Page<GrantView> => {
  const wanted = [...subjects.values()].filter(
    ({ issuer, subject }) =>
      (asked.issuer === null || asked.issuer === issuer) && (asked.subject === null || asked.subject === subject),
  );
  const rows = wanted.flatMap(({ issuer, subject, grants }) =>
    grants
      .filter(({ role }) => asked.role === null || asked.role === role)
      .map((grant) => ({ issuer, subject, ...grant })),
  );
  return pageOf(rows, (row) => [subjectId(row), row.role, row.at, JSON.stringify(row.projects)].join(' '), asked);
};

/** @throws InvalidCursor */
export const listSubjects = ({ subjects }: Directory, { blocked, ...asked }: SubjectsAsked): Page<SubjectView> => {
  const wanted = [...subjects.values()].filter(({ blockedAt }) => blocked === null || blocked === (blockedAt !== null));
  return pageOf(wanted, subjectId, asked);
};

/** The cursor names the last row of the page before. One that is gone by now is refused: the caller begins anew. */
const pageOf = <Row>(rows: readonly Row[], nameOf: (row: Row) => string, { cursor, limit }: PageAsked): Page<Row> => {
  const from = cursor === null ? 0 : rows.findIndex((row) => codeOf(nameOf(row)) === cursor) + 1;
  if (cursor !== null && from === 0)
    throw new InvalidCursor('The cursor: expected the next_cursor of an earlier answer, got something else');
  const page = rows.slice(from, from + limit);
  const last = page.at(-1);
  return { rows: page, nextCursor: last !== undefined && from + limit < rows.length ? codeOf(nameOf(last)) : null };
};

const codeOf = (name: string): string => hash('sha256', name, 'base64url');
