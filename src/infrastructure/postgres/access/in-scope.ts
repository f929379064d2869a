import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { prefixOf, type Scope } from '../../../domain/access/grants.js';

/** The beginning as it is, whatever it holds: `%` and `_` stand for nothing but themselves. */
const likePrefix = (prefix: string): string => `${prefix.replace(/[\\%_]/g, '\\$&')}%`;

/**
 * Leaves the rows whose project is in the scope, as `isInScope` has it. Each beginning is a condition of its own, as an index
 * serves `like` and no `like any`: where texts are ordered by their bytes, as in an embedded Postgres.
 * @param column of the project's id
 */
export const whereInScope = <Row extends ObjectLiteral>(
  query: SelectQueryBuilder<Row>,
  column: string,
  scope: Scope | undefined,
): SelectQueryBuilder<Row> => {
  if (scope === undefined || scope === 'all') return query;
  const ids = scope.filter((pattern) => prefixOf(pattern) === null);
  const prefixes = scope.flatMap((pattern) => prefixOf(pattern) ?? []).map(likePrefix);
  const conditions = [`${column} = any(:scopeIds)`, ...prefixes.map((_, at) => `${column} like :scopePrefix${at}`)];
  const named = Object.fromEntries(prefixes.map((prefix, at) => [`scopePrefix${at}`, prefix]));
  return query.andWhere(`(${conditions.join(' or ')})`, { scopeIds: ids, ...named });
};
