FROM node:26.10.0-trixie-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The optional ones are a Node and a PostgreSQL for machines that have none.
RUN npm ci --omit=dev --omit=optional
RUN find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' \) -delete

FROM node:26.10.0-trixie-slim
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0
COPY --from=packages /app/node_modules node_modules
COPY package.json ./
COPY src src
USER 65532:65532
EXPOSE 4000
ENTRYPOINT ["node"]
CMD ["src/main.ts"]
