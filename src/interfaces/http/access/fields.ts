/** What fields of keys and grants may hold. */
import { isProjects, PROJECTS_EXPECTED } from '../../../domain/access/grants.js';
import { isRole, ROLES } from '../../../domain/access/permissions.js';
import { Field, isObject } from '../server/fields.js';

export const ProjectList = () => Field(PROJECTS_EXPECTED, isProjects);

/** Of one key. */
const MOST_GRANTS = 20;

export const GrantList = () =>
  Field(
    `1 to ${MOST_GRANTS} grants {"role": one of ${ROLES.join(', ')}, "projects": ${PROJECTS_EXPECTED}}`,
    (value) =>
      Array.isArray(value) && value.length > 0 && value.length <= MOST_GRANTS && value.every((each) => isGrant(each)),
  );

const isGrant = (value: unknown): boolean =>
  isObject(value) && Object.keys(value).length === 2 && isRole(value['role']) && isProjects(value['projects']);
