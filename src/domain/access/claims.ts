/** What an OpenID provider says of a person, and what that gives them here. What is not understood gives nothing. */
import type { Grant, Projects } from './grants.js';
import { isRole, type Role } from './permissions.js';

export type Claims = Readonly<Record<string, unknown>>;

export type ClaimRules = Readonly<{
  /** Names of claims; a dot leads into an object, unless there is a claim of the whole name. */
  rolesClaim: string;
  /** Null: each role counts for all projects. */
  projectsClaim: string | null;
  nameClaim: string;
  /** Roles by the provider's names of them; null: the provider uses the names of roles. */
  roleNames: ReadonlyMap<string, readonly Role[]> | null;
}>;

/** What one person's claims may give, at most; the rest is left out. */
const [MOST_ROLES, MOST_PROJECTS, LONGEST] = [1_000, 1_000, 255];

export const claimAt = (claims: Claims, name: string): unknown => {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name
    .split('.')
    .reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Claims)[key] : undefined,
      claims,
    );
};

/** A single text counts as a list of one. */
const textsAt = (claims: Claims, name: string, most: number): readonly string[] => {
  const value = claimAt(claims, name);
  const given: readonly unknown[] = Array.isArray(value) ? value.slice(0, most) : [value];
  return given.filter((each): each is string => typeof each === 'string' && each !== '' && each.length <= LONGEST);
};

/** One grant for each role that the claims name; none where they name no project and would have to. */
export const grantsClaimed = (claims: Claims, rules: ClaimRules): readonly Grant[] => {
  const { rolesClaim, roleNames } = rules;
  const named = textsAt(claims, rolesClaim, MOST_ROLES).flatMap((name): readonly unknown[] =>
    roleNames ? (roleNames.get(name) ?? []) : [name],
  );
  const projects = projectsClaimed(claims, rules);
  if (projects !== 'all' && projects.length === 0) return [];
  return [...new Set(named.filter(isRole))].map((role) => ({ role, projects }));
};

/** Of a `*` alone: all. */
const projectsClaimed = (claims: Claims, { projectsClaim }: ClaimRules): Projects => {
  if (projectsClaim === null) return 'all';
  const named = textsAt(claims, projectsClaim, MOST_PROJECTS);
  return named.includes('*') ? 'all' : [...new Set(named)];
};

/** For people to read: the claim of the name, or else one by which providers know people, or else the subject. */
export const nameClaimed = (claims: Claims, { nameClaim }: ClaimRules, subject: string): string => {
  const names = [nameClaim, 'preferred_username', 'email'].flatMap((claim) => textsAt(claims, claim, 1));
  return names.map((name) => name.replace(/\p{C}/gu, '').trim()).find((name) => name !== '') ?? subject;
};

/** 1 to 255 visible characters: what a subject may be. */
export const isSubject = (value: unknown): value is string =>
  typeof value === 'string' && /^[^\p{C}]{1,255}$/u.test(value);
