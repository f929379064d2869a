import { hash } from 'node:crypto';
import { canonicalJson, type Json } from '../../domain/json.js';

/** Hex. */
export const sha256 = (text: string): string => hash('sha256', text, 'hex');

/** SHA-256 (hex) of the value's canonical JSON. */
export const hashOf = (value: Json): string => sha256(canonicalJson(value));
