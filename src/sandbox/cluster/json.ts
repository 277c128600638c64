export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export const isJsonObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The text there, or nothing where it is not one. */
export const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
