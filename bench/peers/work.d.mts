export const STEPS: number;
/** @param workflow from 0 on */
export function workflowName(workflow: number): string;
/** Of a workflow whose results are of 250 characters. */
export function storedName(workflow: number): string;
/** @param step from 0 on */
export function stepName(step: number): string;
/** What a step returns: 1,000 characters, where nothing else is said. */
export function resultOf(workflow: number, step: number, characters?: number): string;
export function answerTo(input: Readonly<{ project_id: string; step: string }>): { success: true; data: string };
