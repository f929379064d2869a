/** Keys, grants, persons and the one who asks, as answers show them. */
import type { GrantView, SubjectView } from '../../../application/access/access-views.js';
import type { Principal } from '../../../application/access/principal.js';
import { isKeyValid, type ApiKey, type Directory, type Granted } from '../../../domain/access/directory.js';
import type { Grant, Projects } from '../../../domain/access/grants.js';
import { PERMISSIONS, type Permission } from '../../../domain/access/permissions.js';

/** Lists are Json there. */
const projectsAnswer = (projects: Projects) => (projects === 'all' ? projects : [...projects]);

const roleAnswer = ({ role, projects }: Grant) => ({ role, projects: projectsAnswer(projects) });

const byAnswer = ({ type, id, issuer }: ApiKey['createdBy']) => ({ type, id, issuer: issuer ?? null });

const statusOf = (key: ApiKey, now: Date): 'valid' | 'expired' | 'revoked' => {
  if (key.revokedAt !== null) return 'revoked';
  return isKeyValid(key, now.toISOString()) ? 'valid' : 'expired';
};

export const keyAnswer = (key: ApiKey, lastUsedAt: Date | undefined, now: Date) => ({
  id: key.id,
  name: key.name,
  status: statusOf(key, now),
  grants: key.grants.map(roleAnswer),
  created_at: key.createdAt,
  created_by: byAnswer(key.createdBy),
  expires_at: key.expiresAt,
  revoked_at: key.revokedAt,
  replaces: key.replaces,
  replaced_by: key.replacedBy,
  last_used_at: lastUsedAt?.toISOString() ?? null,
});

const givenAnswer = (given: Granted) => ({
  ...roleAnswer(given),
  given_at: given.at,
  given_by: byAnswer(given.by),
  reason: given.reason,
});

export const grantAnswer = ({ issuer, subject, ...given }: GrantView) => ({ issuer, subject, ...givenAnswer(given) });

export const subjectAnswer = ({ issuer, subject, blockedAt, grants }: SubjectView) => ({
  issuer,
  subject,
  blocked_at: blockedAt,
  grants: grants.map(givenAnswer),
});

/** Who asks, what they may do and where, and until when the credential counts. */
export const meAnswer = ({ actor, rights, credential }: Principal, { keys }: Directory) => ({
  actor: {
    type: actor.type,
    id: actor.id,
    name: actor.name ?? null,
    issuer: actor.issuer ?? null,
    via: actor.via ?? 'local',
    verified: actor.verified ?? false,
  },
  credential: {
    kind: credential.kind,
    key_id: credential.kind === 'key' ? credential.id : null,
    expires_at: expiryOf(credential, keys),
  },
  grants: rights.grants.map(roleAnswer),
  permissions: Object.fromEntries(
    (Object.keys(PERMISSIONS) as Permission[])
      .filter((permission) => rights.may(permission))
      .map((permission) => [permission, projectsAnswer(rights.scopeOf(permission))]),
  ),
});

/** Null: never. */
const expiryOf = (credential: Principal['credential'], keys: Directory['keys']): string | null => {
  if (credential.kind === 'local') return null;
  if (credential.kind === 'key') return keys.get(credential.id)?.expiresAt ?? null;
  return credential.expiresAt.toISOString();
};
