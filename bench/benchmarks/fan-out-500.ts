import { fanOut } from '../world/fan-out.ts';

export default fanOut(500, 40);
