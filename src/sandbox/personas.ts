import type { Issuer } from './issuer.ts';

export type Persona = { username: string; subject: string; roles: readonly string[]; groups: readonly string[] };

const persona = (username: string, roles: string, ...groups: string[]): Persona => ({
  username,
  subject: `sandbox-${username}`,
  roles: roles.split(' '),
  groups,
});

/** The people of the sandbox. */
export const PERSONAS: readonly Persona[] = [
  persona('alice', 'APPLICATION_DEPLOYER BREAK_GLASS', 'backend'),
  persona('bob', 'APPLICATION_DEPLOYER', 'platform', 'data'),
  persona('carol', 'APPROVER'),
  persona('dave', 'APPROVER'),
  persona('erin', 'APPROVER'),
  persona('frank', 'AUDITOR'),
  persona('grace', 'ADMIN'),
];

const WEEK_SECONDS = 7 * 24 * 60 * 60;

export type PersonaToken = Omit<Persona, 'subject'> & { token: string };

/** Bearer tokens for a week, so that a sandbox can be left running. */
export function personaTokens(issuer: Issuer): Promise<PersonaToken[]> {
  return Promise.all(
    PERSONAS.map(async ({ username, subject, roles, groups }) => {
      const token = await issuer.sign({ subject, username, roles, groups, expiresInSeconds: WEEK_SECONDS });
      return { username, roles, groups, token };
    }),
  );
}
