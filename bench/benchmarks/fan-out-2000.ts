import { fanOut } from '../world/fan-out.ts';

export default fanOut(2000, 10);
