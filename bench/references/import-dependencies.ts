import '@kubernetes/client-node';
import '@mikro-orm/migrations';
import '@mikro-orm/postgresql';
import '@pothos/core';
import '@pothos/plugin-relay';
import 'canonicalize';
import 'dataloader';
import 'graphql';
import 'graphql-ws';
import 'graphql-yoga';
import 'ioredis';
import 'jose';
import 'pino';
import 'undici';
import 'ws';
import 'yaml';
import 'zod';

/** What a start cannot do without, and nothing else. */
process.stdout.write('serving\n');
