stop('größer als 世界 ≤ 3')
