/** What may be done here, and which roles may do it. What is not named is denied. */

/**
 * How far a permission reaches.
 * - `project`: one execution, or what belongs to projects; a grant counts for its projects
 * - `installation`: what concerns all projects at once; only a grant of all projects counts
 * - `any`: what names no project, such as the list of definitions; any grant counts
 */
export type Reach = 'project' | 'installation' | 'any';

export const PERMISSIONS = {
  'executions.read': 'project',
  'executions.start': 'project',
  'executions.control': 'project',
  'audit.review': 'project',
  'audit.sign': 'project',
  'audit.export': 'project',
  'catalog.read': 'any',
  'agents.hold': 'installation',
  'projections.read': 'installation',
  'projections.manage': 'installation',
  'webhooks.read': 'project',
  'webhooks.manage': 'project',
  'access.log': 'installation',
  'access.read': 'installation',
  'access.manage': 'installation',
  'metrics.read': 'any',
  'health.read': 'any',
} as const satisfies Readonly<Record<string, Reach>>;

export type Permission = keyof typeof PERMISSIONS;

const VIEWER = ['executions.read', 'catalog.read'] as const;
const STARTER = [...VIEWER, 'executions.start'] as const;

const ROLE_PERMISSIONS = {
  viewer: VIEWER,
  starter: STARTER,
  operator: [...STARTER, 'executions.control', 'agents.hold'],
  reviewer: [...VIEWER, 'audit.review', 'audit.sign'],
  auditor: [
    ...VIEWER,
    ...['audit.export', 'projections.read', 'webhooks.read', 'access.log', 'access.read'],
    ...['metrics.read', 'health.read'],
  ] as readonly Permission[],
  admin: [
    ...['projections.read', 'projections.manage', 'webhooks.read', 'webhooks.manage'],
    ...['access.read', 'access.manage', 'catalog.read', 'health.read'],
  ] as readonly Permission[],
  monitor: ['metrics.read', 'health.read'],
} as const satisfies Readonly<Record<string, readonly Permission[]>>;

export type Role = keyof typeof ROLE_PERMISSIONS;
export const ROLES = Object.keys(ROLE_PERMISSIONS) as readonly Role[];
export const permissionsOf = (role: Role): readonly Permission[] => ROLE_PERMISSIONS[role];
export const isRole = (value: unknown): value is Role => ROLES.includes(value as Role);
