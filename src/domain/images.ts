/** An image for a container of the Deployment. */
export type ContainerImage = { container: string; image: string };

/** What a container runtime takes: [host[:port]/]path[:tag][@digest]. */
export const imagePattern =
  /^(?:[\w.-]+(?::\d+)?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[a-z0-9]+:[a-f0-9]{32,})?$/;

/** The image's name without tag and digest. Compared as it is written: `nginx` and `docker.io/library/nginx` differ. */
export const repositoryOf = (image: string): string => image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');

/** `web=web-service:v2.1.0, …` */
export const describeImages = (images: readonly ContainerImage[]): string =>
  images.map(({ container, image }) => `${container}=${image}`).join(', ');
