import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from '../domain/json.js';

/** SHA-256 (hex) of the value's canonical JSON. */
export const hashOf = (value: Json): string => createHash('sha256').update(canonicalJson(value)).digest('hex');
