// Stands in the program for an optional package that it never loads.
export default undefined;
