export const STEPS: number;
/** @param workflow from 0 on */
export function workflowName(workflow: number): string;
/** @param step from 0 on */
export function stepName(step: number): string;
/** What a step returns: 1,000 characters. */
export function resultOf(workflow: number, step: number): string;
export function answerTo(input: Readonly<{ project_id: string; step: string }>): { success: true; data: string };
