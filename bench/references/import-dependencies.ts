import '@kubernetes/client-node';
import '@mikro-orm/migrations';
import '@mikro-orm/postgresql';
import '@pothos/core';
import '@pothos/plugin-relay';
import '@prometheus-io/client';
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

/** What a start of the service loads, and nothing else. */
process.stdout.write('{"msg":"serving"}\n');
