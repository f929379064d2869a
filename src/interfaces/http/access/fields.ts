/** What fields of keys and grants may hold. */
import { isProjects, MOST_PROJECTS, PROJECTS_EXPECTED } from '../../../domain/access/grants.js';
import { isRole, ROLES } from '../../../domain/access/permissions.js';
import { Field, isObject } from '../server/fields.js';

const PROJECTS = {
  oneOf: [
    { const: 'all' },
    {
      type: 'array',
      minItems: 1,
      maxItems: MOST_PROJECTS,
      items: { type: 'string', pattern: '^[A-Za-z0-9._:@-]{1,128}\\*?$' },
    },
  ],
};

export const ProjectList = () => Field(PROJECTS_EXPECTED, isProjects, PROJECTS);

/** Of one key. */
const MOST_GRANTS = 20;

export const GrantList = () =>
  Field(
    `1 to ${MOST_GRANTS} grants {"role": one of ${ROLES.join(', ')}, "projects": ${PROJECTS_EXPECTED}}`,
    (value) =>
      Array.isArray(value) && value.length > 0 && value.length <= MOST_GRANTS && value.every((each) => isGrant(each)),
    { type: 'array', minItems: 1, maxItems: MOST_GRANTS, items: GRANT },
  );

const GRANT = {
  type: 'object',
  properties: { role: { type: 'string', enum: ROLES }, projects: PROJECTS },
  required: ['role', 'projects'],
  additionalProperties: false,
};

const isGrant = (value: unknown): boolean =>
  isObject(value) && Object.keys(value).length === 2 && isRole(value['role']) && isProjects(value['projects']);
